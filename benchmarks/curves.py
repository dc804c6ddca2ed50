"""Two pictures for docs/performance.md: time against rows, rows a second against requests in flight.

`python -m benchmarks.curves [MOST_ROWS]` measures, keeps the figures in `results/curves.json` and draws them as SVG.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import sending, whole
from benchmarks.measuring import REPOSITORY
from benchmarks.sheets import write_csv
from benchmarks.table import RESULTS

IMAGES: Final = REPOSITORY / "docs" / "images"
_ROWS: Final = (1_000, 10_000, 100_000, 1_000_000)
_IN_FLIGHT: Final = (1, 4, 16, 32, 64, 128)
_LATENCY: Final = 0.05
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 380, 70, 40, 130, 50
_LOOK: Final = 'font-family="sans-serif" font-size="12" fill="#374151"'
_COLOURS: Final = ("#1d6fb8", "#9aa5b1", "#2f855a")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture."""

    name: str
    points: Sequence[Point]


def measured(most: int) -> dict[str, list[Point]]:
    """Everything that is drawn."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        jobs = []
        for rows in [rows for rows in _ROWS if rows <= most]:
            cost, _, _ = whole.run(write_csv(folder / "sheet.csv", rows), folder, 0.0, 32)
            jobs.append((float(rows), cost.wall, cost.cpu))
            print(f"  {rows:,} rows: {cost.wall:.1f} s, {cost.cpu:.1f} s of CPU, {cost.peak:.0f} MB", flush=True)
        rates = []
        for in_flight in _IN_FLIGHT:
            case = sending.Case(_LATENCY, in_flight, max(100, in_flight * 80))
            rate, alone = case.rows / sending.sent(case, folder).wall, case.rows / sending.sent_by_transport(case).wall
            rates.append((float(in_flight), rate, alone, case.ideal))
            print(f"  {case.what}: {rate:.0f} rows/s of {case.ideal:.0f}", flush=True)
    return {
        "job, seconds": [(rows, wall) for rows, wall, _ in jobs],
        "job, CPU": [(rows, cpu) for rows, _, cpu in jobs],
        "ours": [(at, rate) for at, rate, _, _ in rates],
        "transport": [(at, alone) for at, _, alone, _ in rates],
        "ideal": [(at, ideal) for at, _, _, ideal in rates],
    }


def draw(title: str, axes: tuple[str, str], curves: Sequence[Curve]) -> str:
    """An SVG with both axes logarithmic."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    across = _Axis(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(min(ys), max(ys), _HEIGHT - _BOTTOM, _TOP)
    middle = _HEIGHT / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_LOOK}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="bold">{title}</text>',
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{axes[0]}</text>',
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">{axes[1]}</text>',
    ]
    for tick in across.ticks():
        x = across.at(tick)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:,.10g}</text>')
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,.10g}</text>')
    for number, curve in enumerate(curves):
        colour = _COLOURS[number]
        line = " ".join(f"{across.at(x)},{up.at(y)}" for x, y in curve.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across.at(x)}" cy="{up.at(y)}" r="3" fill="{colour}"/>' for x, y in curve.points]
        label = _TOP + 14 + 18 * number
        parts.append(f'<text x="{_WIDTH - _RIGHT + 12}" y="{label}" fill="{colour}">{curve.name}</text>')
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis: values from `least` to `most` between two places of the picture."""

    least: float
    most: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value."""
        low, high = math.log10(self.least), math.log10(self.most)
        share = (math.log10(value) - low) / (high - low or 1)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Round numbers between the ends."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        return [10.0**power for power in powers if self.least * 0.99 <= 10.0**power <= self.most * 1.01]


def main() -> None:
    """Measures, keeps and draws."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS[-1]
    found = measured(most)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "curves.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    pictures = {
        "time-by-rows": ("A .csv to its workbook, no latency", ("rows", "seconds"), ("job, seconds", "job, CPU")),
        "rate-by-in-flight": (
            "Sending at 50 ms",
            ("requests in flight", "rows a second"),
            ("ours", "transport", "ideal"),
        ),
    }
    for name, (title, axes, curves) in pictures.items():
        drawn = draw(title, axes, [Curve(curve, found[curve]) for curve in curves])
        (IMAGES / f"{name}.svg").write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
