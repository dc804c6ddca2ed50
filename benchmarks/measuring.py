"""How a cost is taken: two things side by side, in turns, and the median of each.

The machine is shared, so CPU seconds are what is compared wherever only this process works; the wall clock only where
waiting is the subject.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
_TO_MB: Final = 1024 if sys.platform != "darwin" else 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the wall clock, seconds of CPU, peak memory in MB (0 where it was not taken)."""

    wall: float
    cpu: float
    peak: float = 0.0


def taken(work: Callable[[], object]) -> Cost:
    """What one call costs this process, its threads included."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def in_turns(works: Mapping[str, Callable[[], object]], times: int) -> dict[str, Cost]:
    """Each work so many times, in turns, so that a busy minute of the machine meets all; the median of each."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(times):
        for name, work in works.items():
            costs[name].append(taken(work))
    return {name: middle(found) for name, found in costs.items()}


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        median(cost.wall for cost in costs), median(cost.cpu for cost in costs), median(cost.peak for cost in costs)
    )


def child(line: Sequence[str | Path], environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Cost:
    """What a process costs from its start to its end. Raises RuntimeError with its last words when it fails.

    1 is the exit code of a run with rows to be fixed.
    """
    wall = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - what the bench itself put together
        [str(part) for part in line],
        env={**os.environ, **(environment or {})},
        cwd=cwd or REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"{line[0]} ended with {process.returncode}: {said[-2000:].decode(errors='replace')}")
    return Cost(time.perf_counter() - wall, used.ru_utime + used.ru_stime, used.ru_maxrss / _TO_MB)
