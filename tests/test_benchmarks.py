"""The parts of the bench, on tiny input: that they run and compare rightly, never how fast anything is."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from benchmarks import __main__ as bench
from benchmarks import local, sending, table
from benchmarks.local import Size
from benchmarks.server import serving
from benchmarks.sheets import HEADINGS, Badness, write_csv, write_xlsx
from benchmarks.table import Line
from pipeline.validation import CheckOptions, check_table

TINY = Size(rows=30, times=1, peers=False)


@pytest.mark.parametrize("step", [local.reading, local.validation, local.journal, local.workbook])
def test_a_step_on_tiny_input(step: Callable[..., Any], tmp_path: Path) -> None:
    """Each step that touches no network gives lines with figures on both sides."""
    lines = list(step(TINY, tmp_path))
    assert lines
    assert all(line.ours > 0 and line.theirs > 0 for line in lines)


def test_sending_reaches_the_server(tmp_path: Path) -> None:
    """The sending phase and the transport alone each ask for every row once."""
    case = sending.Case(0.001, 4, 20)
    assert sending.sent(case, tmp_path).wall > 0
    assert sending.sent_by_transport(case).wall > 0


def test_the_server_tells_what_it_saw() -> None:
    """A server that nobody asked anything has seen nothing."""
    with serving(0.0) as server:
        assert server.url.startswith("http://127.0.0.1:")
    assert (server.seen.created, server.seen.first) == (0, 0.0)


@pytest.mark.parametrize(("badness", "faults"), [(Badness.NONE, {0}), (Badness.ALL, {1}), (Badness.TENFOLD, {10})])
def test_sheets_are_as_bad_as_they_say(badness: Badness, faults: set[int], tmp_path: Path) -> None:
    """A sheet's rows have as many faults as its name says."""
    opened = local.opened(write_csv(tmp_path / "sheet.csv", 5, badness))
    counted = {len(row.faults) for chunk in check_table(opened, CheckOptions()).chunks() for row in chunk}
    assert counted <= faults


def test_both_formats_have_the_same_rows(tmp_path: Path) -> None:
    """The workbook has the rows of the text file."""
    text, book = write_csv(tmp_path / "sheet.csv", 7), write_xlsx(tmp_path / "sheet.xlsx", 7)
    assert local.read(text) == local.read(book) == 7
    with text.open(encoding="utf-8", newline="") as file:
        assert tuple(next(csv.reader(file))) == HEADINGS


@pytest.mark.parametrize(
    ("better", "before", "now", "worse"),
    [
        pytest.param("low", 2.0, 2.4, False, id="a cost within a quarter"),
        pytest.param("low", 2.0, 2.6, True, id="a cost beyond it"),
        pytest.param("high", 0.9, 0.75, False, id="a rate within a quarter"),
        pytest.param("high", 0.9, 0.7, True, id="a rate beyond it"),
        pytest.param("high", 0.9, 1.8, False, id="a better rate"),
    ],
)
def test_a_step_back_is_told(
    better: Literal["low", "high"], before: float, now: float, worse: bool, tmp_path: Path
) -> None:
    """A ratio that is worse than the committed table by more than a quarter is told, and no other."""
    table.write("full", {}, [Line("read", "rows", "floor", before, 1.0, "s", better)], tmp_path)
    found = list(
        table.steps_back([Line("read", "rows", "floor", now, 1.0, "s", better)], table.ratios("full", tmp_path))
    )
    assert bool(found) is worse


def test_one_step_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The command measures a step and writes its table as Markdown and JSON."""
    assert bench.main(["--only", "read", "--rows", "20", "--times", "1", "--output", str(tmp_path)]) == 0
    assert "bare calamine" in capsys.readouterr().out
    kept = json.loads((tmp_path / "full.json").read_text("utf-8"))
    assert {line["step"] for line in kept["lines"]} == {"read"}
    assert "| read |" in (tmp_path / "full.md").read_text("utf-8")


def test_every_line_has_its_place_in_the_table() -> None:
    """What was measured for an hour must not be lost since nobody said where it goes."""
    texts = [path.read_text("utf-8") for path in Path(table.__file__).parent.glob("*.py")]
    steps = {step for text in texts for step in re.findall(r'\bLine\(\s*"([^"]+)"', text)}
    assert steps == set(table.ORDER)
