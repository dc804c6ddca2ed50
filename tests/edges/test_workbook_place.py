"""Where the workbook goes: whole or not at all, never over what is not ours."""

from __future__ import annotations

import errno
import gc
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter
from privileges import as_nobody
from workbook_batches import month, report, stream

from pipeline.model import ReportRow, UsageFailure
from pipeline.report import place
from pipeline.report.closing import close_book
from pipeline.report.proof import Witness, WorkbookMismatch, prove
from pipeline.report.workbook import Draft, Showing, check_place, write
from pipeline.texts import explain


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "billing.csv"
    path.write_text("Email,Amount\n")
    return path


def test_a_free_place_is_fine_and_left_as_it_was(tmp_path: Path, sheet: Path) -> None:
    """The check leaves no file behind."""
    check_place(tmp_path / "out.xlsx", input_file=sheet)
    assert list(tmp_path.iterdir()) == [sheet]


def test_a_workbook_of_ours_may_be_written_again(tmp_path: Path, sheet: Path) -> None:
    """The second run of a batch refreshes its workbook."""
    write(report(), stream(month(3)), path := tmp_path / "out.xlsx")
    check_place(path, input_file=sheet)
    assert write(report(), stream(month(5)), path).path == path


def _refusal(path: Path, sheet: Path) -> str:
    with pytest.raises(UsageFailure) as raised:
        check_place(path, input_file=sheet)
    assert explain(raised.value, "fr")
    return explain(raised.value)


def test_a_missing_folder_is_named(tmp_path: Path, sheet: Path) -> None:
    """A folder that is not there is found before the first request."""
    assert str(tmp_path / "gone") in _refusal(tmp_path / "gone" / "out.xlsx", sheet)


def test_a_folder_is_no_place(tmp_path: Path, sheet: Path) -> None:
    """`-o FOLDER` is answered with a sentence."""
    assert "is a folder" in _refusal(tmp_path, sheet)


def test_the_input_is_never_written_over(tmp_path: Path, sheet: Path) -> None:
    """Neither by its name nor through a link to it."""
    link = tmp_path / "link.xlsx"
    link.symlink_to(sheet)
    assert "is the input file" in _refusal(sheet, sheet)
    assert "is the input file" in _refusal(link, sheet)


NOT_OURS = [("text", b"hello"), ("empty", b""), ("half a package", b"PK\x03\x04 and no more")]


@pytest.mark.parametrize("content", [case[1] for case in NOT_OURS], ids=[case[0] for case in NOT_OURS])
def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path: Path, sheet: Path, content: bytes) -> None:
    """A stranger's file at the wanted place is refused, and not touched by writing either."""
    path = tmp_path / "theirs.xlsx"
    path.write_bytes(content)
    assert "was not made by this program" in _refusal(path, sheet)
    written = write(report(), stream(month(2)), path)
    assert (written.path, written.moved) == (tmp_path / "theirs (2).xlsx", "report.moved_beside")
    assert path.read_bytes() == content


def test_somebody_elses_workbook_is_not_ours(tmp_path: Path, sheet: Path) -> None:
    """A workbook of another program is told from ours by a document property."""
    path = tmp_path / "theirs.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("docProps/custom.xml", "<Properties/>")
    assert "was not made by this program" in _refusal(path, sheet)


def test_a_folder_that_can_t_be_written_is_found(open_folder: Path, sheet: Path) -> None:
    """Permissions are found out by really making a file."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody():
        assert "can't be written" in _refusal(closed / "out.xlsx", sheet)


def test_a_folder_that_can_t_be_entered_is_found(open_folder: Path, sheet: Path) -> None:
    """A folder whose files can't even be looked at is told as one that can't be written."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o000)
    with as_nobody():
        assert "can't be written" in _refusal(closed / "out.xlsx", sheet)


@pytest.mark.parametrize("lock", ["~$out.xlsx", ".~lock.out.xlsx#"], ids=["Excel", "LibreOffice"])
def test_a_workbook_that_is_open_is_not_replaced_under_the_reader(tmp_path: Path, lock: str) -> None:
    """Whoever has the old workbook open would save it over the new one: the new one goes beside."""
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx")
    before = path.read_bytes()
    (tmp_path / lock).touch()
    assert write(report(), stream(month(4)), path).path == tmp_path / "out (2).xlsx"
    assert write(report(), stream(month(4)), path).path == tmp_path / "out (3).xlsx"
    assert path.read_bytes() == before


def test_results_outlive_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workbook goes to the user's home, or where temporary files go, and says so."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    written = write(report(), stream(month(2)), tmp_path / "gone" / "out.xlsx")
    assert (written.path, written.moved) == (home / "out.xlsx", "report.moved_elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert write(report(), stream(month(2)), tmp_path / "gone" / "out.xlsx").path == tmp_path / "out.xlsx"


def test_only_the_owner_can_read_the_workbook(tmp_path: Path) -> None:
    """It holds names, addresses and amounts: mode 0600, wherever it goes."""
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx")
    (tmp_path / "~$out.xlsx").touch()
    beside = write(report(), stream(month(2)), path).path
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, beside)] == [0o600, 0o600]


def test_a_journal_that_fails_midway_leaves_the_old_workbook_and_nothing_else(tmp_path: Path) -> None:
    """Whole or not at all: no half a file, no temporary file."""
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx")
    before = path.read_bytes()

    def torn() -> Iterator[ReportRow]:
        yield from month(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(report(), torn, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


CHANGES = [
    ("a session id changed", b"5f3c2a1e-00000001-4c1d<", b"5f3c2a1e-00000009-4c1d<"),
    ("an amount changed", b"<v>3749.01</v>", b"<v>3749.02</v>"),
    ("a status changed", b"<t>created</t>", b"<t>rejected</t>"),
    ("a cell strayed", b'r="N3"', b'r="N4"'),
    ("a row is missing", b'<row r="3"', b'<gap r="3"'),
    ("no longer XML", b"</sheetData>", b"</sheetDat>"),
]


@pytest.mark.parametrize(("old", "new"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_a_workbook_that_says_something_else_than_the_journal_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Reading back compares number, status, session id and amount of each row, at its own cell."""
    write(report(), stream(month(4)), path := tmp_path / "out.xlsx")
    witness = Witness()
    for row in month(4):
        witness.saw(row)
    prove(path, witness, [2], ["A", "M", "N", "S"])
    _change(path, old, new)
    with pytest.raises(WorkbookMismatch):
        prove(path, witness, [2], ["A", "M", "N", "S"])


AROUND = [
    ("a row behind the rows", b"</sheetData>", b'</sheetData><row r="9"><c r="A9"/></row>'),
    ("a row before the rows", b"<sheetData>", b'<row r="9"><c r="A9"/></row><sheetData>'),
    ("rows twice", b"</sheetData>", b'</sheetData><sheetData><row r="9"/></sheetData>'),
    ("one row more", b"</sheetData>", b'<row r="9"><c r="A9"/></row></sheetData>'),
    ("no rows at all", b"sheetData>", b"sheetDatum>"),
    ("cut behind the rows", b"</worksheet>", b""),
]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Draft]:
    """A workbook whose rows were read as they were written, closed and not yet proven."""
    with closing(Draft(report(), tmp_path / "out.xlsx", Showing())) as draft:
        for row in month(4):
            draft.add(row)
        draft._book.close(report(), None)
        yield draft


def test_rows_that_were_read_along_are_found_again_in_the_closed_file(closed: Draft) -> None:
    """As they were written, no byte more."""
    closed._book.prove(closed.files.part)


@pytest.mark.parametrize(
    ("old", "new"), [case[1:] for case in CHANGES + AROUND], ids=[case[0] for case in CHANGES + AROUND]
)
def test_a_file_that_holds_other_rows_than_were_read_along_is_found(closed: Draft, old: bytes, new: bytes) -> None:
    """Whatever happened between the writing and the disk."""
    _change(closed.files.part, old, new)
    with pytest.raises(WorkbookMismatch):
        closed._book.prove(closed.files.part)


def test_rows_that_are_written_wrongly_are_found_as_they_are_written(tmp_path: Path) -> None:
    """What is read along is read by a reader that knows nothing of the writer."""
    with closing(Draft(report(), tmp_path / "out.xlsx", Showing())) as draft:
        row = next(iter(month(1)))
        draft.add(row)
        other = replace(row, session_id="another")
        draft._book._result_rows.add(draft._book._results.current(), other)
        draft._book._witness.saw(row)
        draft._book.close(report(), None)
        with pytest.raises(WorkbookMismatch):
            draft._book.prove(draft.files.part)


def _change(path: Path, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    sheet = "xl/worksheets/sheet2.xml"
    assert old in parts[sheet]
    changed = parts[sheet].replace(old, new)
    parts[sheet] = changed.replace(b'</row><row r="4"', b'</gap><row r="4"') if b"<gap" in changed else changed
    with zipfile.ZipFile(path, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)


def test_a_truncated_workbook_is_found(tmp_path: Path) -> None:
    """A file that the disk did not keep whole is no success."""
    write(report(), stream(month(4)), path := tmp_path / "out.xlsx")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WorkbookMismatch):
        prove(path, Witness(), [2], ["A"])


def test_ours_is_known_again_after_a_spreadsheet_saved_it(tmp_path: Path) -> None:
    """Spreadsheets keep document properties, so a saved copy is still ours."""
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx")
    assert place.is_ours(path)
    import openpyxl  # noqa: PLC0415

    openpyxl.load_workbook(path).save(path)
    assert place.is_ours(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_does_not_take_it_is_one_error_and_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python complains of the half written package once more when it is thrown away, with a traceback."""
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    book = xlsxwriter.Workbook("/dev/full")
    book.add_worksheet().write_column(0, 0, [str(number) for number in range(100_000)])
    with pytest.raises(OSError, match="could not be written") as caught:
        close_book(book)
    assert caught.value.errno == errno.ENOSPC
    del book, caught
    gc.collect()
    assert shown == []
