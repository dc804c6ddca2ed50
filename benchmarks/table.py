"""The table: what was measured, against what, and whether a ratio has become worse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

RESULTS: Final = Path(__file__).with_name("results")
WORSE: Final = 1.25
"""A ratio that is worse than the committed one by more than this is a step back."""

NOISE: Final = 0.02
"""Seconds: below this, a ratio is of the machine and not of the program."""


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison. `ours` and `theirs` are in `unit`; `ratio` is what counts, and `target` what it should be.

    `better` says which ratios are good: `low` ones (a cost) or `high` ones (a rate).
    """

    step: str
    what: str
    against: str
    ours: float
    theirs: float
    unit: str
    better: Literal["low", "high"] = "low"
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.theirs if self.theirs else 0.0

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.better == "low" else self.ratio >= self.target

    def worse_than(self, before: float) -> bool:
        """Whether the ratio is worse than `before` by more than the machine's moods."""
        if max(self.ours, self.theirs) < NOISE and self.unit.startswith("s"):
            return False
        return self.ratio > before * WORSE if self.better == "low" else self.ratio * WORSE < before


def as_markdown(machine: dict[str, str], lines: Sequence[Line]) -> str:
    """The table for people."""
    return "\n".join([*_head(machine), "", *_rows(lines), ""])


def _head(machine: dict[str, str]) -> Iterator[str]:
    yield "<!-- Made by `make bench`. -->"
    yield ""
    yield from (f"- {name}: {value}" for name, value in machine.items())


def _rows(lines: Iterable[Line]) -> Iterator[str]:
    yield "| step | what | against | ours | theirs | ratio | target | |"
    yield "|---|---|---|---:|---:|---:|---:|---|"
    for line in lines:
        sign = "≤" if line.better == "low" else "≥"
        target = "" if line.target is None else f"{sign} {line.target:g}"
        told = {True: "reached", False: "**missed**", None: ""}[line.reached]
        figures = f"{_figure(line.ours)} {line.unit} | {_figure(line.theirs)} {line.unit} | {line.ratio:.2f}"
        yield f"| {line.step} | {line.what} | {line.against} | {figures} | {target} | {told} |"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - digits


def write(name: str, machine: dict[str, str], lines: Sequence[Line], folder: Path = RESULTS) -> Path:
    """Writes `NAME.md` and `NAME.json`; gives the first."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine, "lines": [{**asdict(line), "ratio": round(line.ratio, 4)} for line in lines]}
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    path = folder / f"{name}.md"
    path.write_text(as_markdown(machine, lines), "utf-8")
    return path


def merged(name: str, lines: Sequence[Line], folder: Path = RESULTS) -> list[Line]:
    """The table that is there with these lines in the place of those of the same steps."""
    path = folder / f"{name}.json"
    kept = json.loads(path.read_text("utf-8"))["lines"] if path.exists() else []
    before = [Line(**{key: value for key, value in line.items() if key != "ratio"}) for line in kept]
    new = {line.step for line in lines}
    return sorted(
        [line for line in before if line.step not in new] + list(lines), key=lambda line: ORDER.index(line.step)
    )


ORDER: Final = (
    "start-up", "read", "validate", "journal", "workbook", "send", "workers", "whole", "first request", "pages",
    "memory", "whole job",
)  # fmt: skip


def ratios(name: str, folder: Path = RESULTS) -> dict[tuple[str, str, str], float]:
    """The ratios of the table in the repository, by step, what and against."""
    kept = json.loads((folder / f"{name}.json").read_text("utf-8"))
    return {(line["step"], line["what"], line["against"]): line["ratio"] for line in kept["lines"]}


def steps_back(lines: Iterable[Line], before: dict[tuple[str, str, str], float]) -> Iterator[str]:
    """What became worse, in words."""
    for line in lines:
        was = before.get((line.step, line.what, line.against))
        if was and line.worse_than(was):
            yield f"{line.step}, {line.what}, against {line.against}: {line.ratio:.2f}, was {was:.2f}"
