"""`python -m benchmarks`: measures everything, writes the table; `--check` compares with the one that is kept."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import local, machine, pages, sending, table, whole, workers
from benchmarks.local import Size
from benchmarks.table import Line
from pipeline.cli import COLLECT_AFTER

STEPS: Final[dict[str, Callable[[Size, Path], Iterator[Line]]]] = {
    "start-up": local.start_up,
    "read": local.reading,
    "validate": local.validation,
    "journal": local.journal,
    "workbook": local.workbook,
    "send": sending.sending,
    "workers": workers.workers,
    "whole": whole.whole,
    "pages": pages.pages,
    "memory": whole.memory,
    "peers": whole.against_peers,
}
FULL: Final = Size()
QUICK: Final = Size(rows=10_000, times=1)


def main(arguments: list[str] | None = None) -> int:
    """Runs the steps that are asked for; 1 when `--check` finds a step back."""
    asked = _parser().parse_args(arguments)
    name = "quick" if asked.quick else "full"
    before = table.ratios(name) if asked.check else {}
    chosen = Size(**{"rows": FULL.rows, "times": FULL.times} | _sized(asked), peers=not (asked.no_peers or asked.check))
    about = machine.described()
    steps = asked.only or list(STEPS)
    if asked.check:
        lines = [line for step in steps for line in _measured(step, chosen)]
        back = list(table.steps_back(lines, before))
        print("\n".join(["", *(f"worse: {line}" for line in back)]) if back else "\nNothing has become worse.")
        return 1 if back else 0
    path = folder = asked.output or table.RESULTS
    for step in steps:
        # A step at a time: an hour's figures must not be lost with the last of them.
        lines = table.merged(name, list(_measured(step, chosen)), folder)
        path = table.write(name, about, lines, folder)
    print(f"\nThe table: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, each measured once")
    parser.add_argument("--check", action="store_true", help="compare with the table in the repository, write nothing")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(STEPS),
        help="one step (may be given more than once); the other lines of the table stay",
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out what needs the peers' environments")
    parser.add_argument("--rows", type=int, help="rows of a sheet")
    parser.add_argument("--times", type=int, help="how often each thing is measured")
    parser.add_argument("--output", type=Path, help="another folder for the table")
    return parser


def _sized(asked: argparse.Namespace) -> dict[str, int]:
    quick = {"rows": QUICK.rows, "times": QUICK.times} if asked.quick else {}
    return quick | {name: value for name in ("rows", "times") if (value := getattr(asked, name)) is not None}


def _measured(name: str, size: Size) -> Iterator[Line]:
    """Every line of a step, told as it comes."""
    if name == "peers" and not size.peers:
        return
    began = time.monotonic()
    gc.set_threshold(*COLLECT_AFTER)  # as in a run, for both sides
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for line in STEPS[name](size, Path(folder)):
            print(f"  {line.step:13} {line.what:58} {line.ratio:8.2f} of {line.against}", flush=True)
            yield line
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
