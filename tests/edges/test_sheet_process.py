"""Native code on a stranger's file: its death, its greed and its slowness are a refusal, and nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.binary_workbooks import Sheet, write_xlsb
from support.reading import refusal, rows_of
from support.sheet_workbooks import write_ods, write_xlsx
from test_sheet_workbook import SHEET, by_hand

from pipeline.domain.errors import InputError
from pipeline.reader import probe

CASES = Path(__file__).parents[1] / "cases"
HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount"]
ROW = ["007", "Jane", "Doe", "j@example.com", 5.0]


@pytest.mark.parametrize("dimension", ["A1:E2", "E2:A1", "A5:E2"])
@pytest.mark.parametrize("last", ["XFD1048576", "A4294967295", "ZZZZ9"])
def test_a_workbook_that_ends_its_reader_is_refused(tmp_path: Path, dimension: str, last: str) -> None:
    """Whatever the native reader makes of it, the process lives."""
    cells = f'<dimension ref="{dimension}"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    path = by_hand(tmp_path, SHEET.format(f'{cells}<row r="2"><c r="{last}"><v>1</v></c></row></sheetData>'))
    assert isinstance(refusal(path), InputError)


def test_a_reader_that_aborts_is_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    """Not a trace, not the end of the process; the sentence has the bounds in it."""
    failure = refusal(CASES / "aborts.xlsx")
    assert failure.text == (
        "Can't read {path}: it is damaged, or needs more than {memory} GB of memory or "
        "{seconds} seconds to open. If it has very many rows, save it as CSV; otherwise "
        "save it again in your spreadsheet program."
    )
    assert capfd.readouterr() == ("", "")


OPENS = """
import resource, sys
from pathlib import Path
from pipeline.domain.errors import InputError
from pipeline.reader import ReadOptions, open_table
try:
    list(open_table(Path(sys.argv[1]), ReadOptions()).chunks())
except InputError as failure:
    print(list(failure.params), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""In a process of its own: the most memory of all children is counted, and the tests have others."""


@pytest.mark.parametrize("cells", [29_000, 100_000])
def test_memory_beyond_the_bound_is_a_refusal(tmp_path: Path, cells: int) -> None:
    """A text of 32,767 letters that so many cells share: small in the file, too much in memory, for Python or for
    calamine. The workbook is not called damaged.
    """
    text = "x" * 32_767
    strings = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{text}</t></si></sst>'
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, cells + 1))
    path = by_hand(tmp_path, SHEET.format(f"<sheetData>{rows}</sheetData>"), {"xl/sharedStrings.xml": strings})
    done = subprocess.run([sys.executable, "-c", OPENS, path], capture_output=True, encoding="utf-8", check=True)
    params, _, kilobytes = done.stdout.rpartition(" ")
    assert params == "['path', 'memory', 'seconds']"
    assert int(kilobytes) < 1024**2


def test_a_reader_that_takes_too_long_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that never ends is not waited for."""
    monkeypatch.setattr(probe, "SECONDS", 1)
    os.mkfifo(tmp_path / "endless")
    with pytest.raises(InputError) as caught:
        _ = probe.NativeBook(tmp_path / "endless").sheets
    assert caught.value.text == (
        "Can't read {path}: it is damaged, or needs more than {memory} GB of memory or "
        "{seconds} seconds to open. If it has very many rows, save it as CSV; otherwise "
        "save it again in your spreadsheet program."
    )


def test_a_reader_that_dies_on_the_way_is_a_refusal(tmp_path: Path) -> None:
    """Among the rows, too."""
    path = write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, *[ROW] * 10_000]))
    book = probe.NativeBook(path)
    rows = book.rows(0)
    assert next(rows)[:2] == (1, HEAD)
    book._process.kill()
    with pytest.raises(InputError) as caught:
        list(rows)
    assert caught.value.text == (
        "Can't read {path}: it is damaged, or needs more than {memory} GB of memory or "
        "{seconds} seconds to open. If it has very many rows, save it as CSV; otherwise "
        "save it again in your spreadsheet program."
    )


def test_an_interruption_is_for_the_program_and_not_for_its_reader(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal: the rows that are being read are read to their end."""
    book = probe.NativeBook(write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, *[ROW] * 10_000])))
    rows = book.rows(0)
    next(rows)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(book._process.pid, number)
    assert sum(1 for _ in rows) == 10_000


@pytest.mark.parametrize("write", [write_xlsx, write_xlsb, write_ods])
def test_readings_do_not_disturb_each_other(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Two of one sheet and one of another, each some rows at a time; one is given up."""
    path = write(tmp_path / "b", Sheet([HEAD, *[ROW] * 2000], name="One"), Sheet([HEAD, *[ROW] * 3000], name="Two"))
    book = probe.NativeBook(path)
    first, again, other = book.rows(0), book.rows(0), book.rows(1)
    for _ in range(1500):
        assert next(first) == next(again)
        next(other)
    again.close()  # type: ignore[attr-defined]
    assert (sum(1 for _ in first), sum(1 for _ in other)) == (501, 1501)


def test_a_table_can_be_read_long_after_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of time is for the reader's work, not for what is done between."""
    monkeypatch.setattr(probe, "SECONDS", 1)
    book = probe.NativeBook(write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, *[ROW] * 3000])))
    rows = book.rows(0)
    next(rows)
    signal.sigtimedwait([], 2)
    assert sum(1 for _ in rows) == 3000
    assert rows_of(tmp_path / "b.xlsx")[0].heading_row == 1
