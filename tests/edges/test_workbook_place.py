"""Where the workbook goes: whole or not at all, never over what is not ours."""

from __future__ import annotations

import errno
import gc
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from support.privileges import as_nobody
from support.workbook_batches import month, report, stream

from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.model import ReportRow
from pipeline.messages import explain
from pipeline.report.closing import close_book
from pipeline.report.readback import Witness, WorkbookMismatch, prove
from pipeline.report.workbook import Draft, Showing, write
from pipeline.system import atomic_output
from pipeline.system.atomic_output import STATUS, Ours, beside_sheet, check_workbook, named_after, put


class Memory(dict[Path, str]):
    """What a journal remembers of one batch's files."""

    def last_written(self, path: Path) -> str | None:
        return self.get(path)

    def remember(self, path: Path, sha256: str) -> None:
        self[path] = sha256


def test_a_free_place_is_fine_and_left_as_it_was(tmp_path: Path) -> None:
    """The check leaves no file behind."""
    check_workbook(tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_what_stands_there_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """Whatever it is: the workbook goes beside it."""
    (path := tmp_path / "out.xlsx").write_bytes(b"mine")
    check_workbook(path)
    assert path.read_bytes() == b"mine"


def test_a_workbook_as_we_left_it_is_written_again(tmp_path: Path) -> None:
    """The second run of a batch refreshes its workbook, and beside a stranger's file its `(2)`."""
    ours = Ours(Memory())
    for path, wanted in ((tmp_path / "out.xlsx",) * 2, (tmp_path / "theirs (2).xlsx", tmp_path / "theirs.xlsx")):
        (tmp_path / "theirs.xlsx").write_bytes(b"mine")
        for rows in (3, 5):
            assert write(report(), stream(month(rows)), wanted, ours=ours).path == path


def _refusal(path: Path) -> str:
    with pytest.raises(UsageError) as raised:
        check_workbook(path)
    assert explain(raised.value, "fr")
    return explain(raised.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there is found before the first request."""
    assert str(tmp_path / "gone") in _refusal(tmp_path / "gone" / "out.xlsx")


def test_a_folder_is_no_place(tmp_path: Path) -> None:
    """`-o FOLDER` is answered with a sentence."""
    assert "is a folder" in _refusal(tmp_path)


@pytest.mark.parametrize("name", ["out.xls", "out.csv", "out", "out.xlsx.bak"])
def test_a_name_that_is_no_workbook_s_is_refused(tmp_path: Path, name: str) -> None:
    """A spreadsheet would not open it."""
    assert ".xlsx" in _refusal(tmp_path / name)


def _stranger(path: Path, _ours: Ours) -> Ours:
    path.write_bytes(b"mine")
    return Ours(Memory())


def _empty(path: Path, _ours: Ours) -> Ours:
    path.write_bytes(b"")
    return Ours(Memory())


def _edited(path: Path, ours: Ours) -> Ours:
    path.write_bytes(path.read_bytes() + b"0")
    return ours


def _of_another(_path: Path, _ours: Ours) -> Ours:
    return Ours(Memory())


def _input(path: Path, ours: Ours) -> Ours:
    return ours.beside(path)


def _input_by_a_link(path: Path, ours: Ours) -> Ours:
    path.with_name("link.xlsx").symlink_to(path)
    return ours.beside(path.with_name("link.xlsx"))


def _link_to_ours(path: Path, ours: Ours) -> Ours:
    path.rename(real := path.with_name("real.xlsx"))
    path.symlink_to(real)
    return ours


def _open_in_excel(path: Path, ours: Ours) -> Ours:
    path.with_name(f"~${path.name}").touch()
    return ours


def _open_in_libreoffice(path: Path, ours: Ours) -> Ours:
    path.with_name(f".~lock.{path.name}#").touch()
    return ours


class _Silent(Memory):
    """A journal that can't be asked."""

    def last_written(self, path: Path) -> str | None:
        raise StoppedEarlyError(
            "Another program locks the journal {place} (waited {seconds} s). Close it, then "
            "run the same command again.",
            place=path,
            seconds=1,
        )

    def remember(self, path: Path, sha256: str) -> None:
        raise StoppedEarlyError(
            "Another program locks the journal {place} (waited {seconds} s). Close it, then "
            "run the same command again.",
            place=path,
            seconds=1,
        )


def _journal_is_locked(_path: Path, _ours: Ours) -> Ours:
    return Ours(_Silent())


STANDING = [
    *(_stranger, _empty, _edited, _of_another, _input, _input_by_a_link, _link_to_ours),
    *(_open_in_excel, _open_in_libreoffice, _journal_is_locked),
]


@pytest.mark.parametrize("stands", STANDING, ids=lambda stands: stands.__name__)
@pytest.mark.parametrize("name", ["out.xlsx", "billing.results.xlsx", "out", ".hidden", "é" * 120 + ".xlsx"])
def test_what_is_not_as_we_left_it_stays_and_the_next_name_is_taken(
    tmp_path: Path, stands: Callable[[Path, Ours], Ours], name: str
) -> None:
    """Also where the name leaves no room for a number."""
    path, ours = tmp_path / name, Ours(Memory())
    put(path, lambda part: part.write_bytes(b"first"), ours)
    ours = stands(path, ours)
    before = {file: (file.is_symlink(), file.read_bytes()) for file in tmp_path.iterdir()}
    beside = put(path, lambda part: part.write_bytes(b"second"), ours)
    assert beside not in before
    assert beside.read_bytes() == b"second"
    assert beside.stem.endswith(" (2)")
    assert {file: (file.is_symlink(), file.read_bytes()) for file in before} == before


def test_of_many_programs_at_once_each_gets_a_name(tmp_path: Path) -> None:
    """None writes over what another has just written."""
    path = tmp_path / "out.csv"

    def one(number: int) -> tuple[Path, bytes]:
        content = str(number).encode()
        return put(path, lambda part: part.write_bytes(content), Ours(Memory())), content

    with ThreadPoolExecutor(8) as pool:
        written = dict(pool.map(one, range(40)))
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == written
    assert len(written) == 40


@pytest.mark.parametrize(
    ("sheet", "in_sandbox", "workbook"),
    [
        ("x.csv", False, "x.results.xlsx"),
        ("x.csv", True, "x.sandbox.results.xlsx"),
        ("x.results.xlsx", False, "x.results.xlsx"),
        ("x.results (2).xlsx", False, "x.results.xlsx"),
        ("x.results (12).xlsx", True, "x.sandbox.results.xlsx"),
        ("x.sandbox.results.xlsx", True, "x.sandbox.results.xlsx"),
        ("x.sandbox.results (3).xlsx", False, "x.results.xlsx"),
        ("x (2).xlsx", False, "x (2).results.xlsx"),
        ("x.results.of.june.xlsx", False, "x.results.of.june.results.xlsx"),
        (".results.xlsx", False, ".results.results.xlsx"),
        ("results.xlsx", False, "results.results.xlsx"),
    ],
)
def test_the_ending_of_a_workbook_is_not_doubled(sheet: str, in_sandbox: bool, workbook: str) -> None:
    """However often a workbook of results is given back."""
    assert beside_sheet(Path("a") / sheet, in_sandbox=in_sandbox) == Path("a") / workbook


def test_a_workbook_is_named_after_its_batch() -> None:
    """What no file's name may hold is left out."""
    assert named_after("rent/2026:11", STATUS) == "rent_2026_11.status.xlsx"
    assert named_after("rent.status (2)", STATUS) == "rent.status.xlsx"


def test_a_folder_that_can_t_be_written_is_found(open_folder: Path) -> None:
    """Permissions are found out by really making a file."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody(), pytest.raises(UsageError) as raised:
        check_workbook(closed / "out.xlsx")
    assert "Can't write" in explain(raised.value)


def test_a_folder_that_can_t_be_entered_is_found(open_folder: Path) -> None:
    """A folder whose files can't even be looked at is told as one that can't be written."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o000)
    with as_nobody(), pytest.raises(UsageError) as raised:
        check_workbook(closed / "out.xlsx")
    assert "Can't write" in explain(raised.value)


@pytest.mark.parametrize("lock", ["~$out.xlsx", ".~lock.out.xlsx#"], ids=["Excel", "LibreOffice"])
def test_a_workbook_that_is_open_is_not_replaced_under_the_reader(tmp_path: Path, lock: str) -> None:
    """Whoever has the old workbook open would save it over the new one: the new one goes beside."""
    ours = Ours(Memory())
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx", ours=ours)
    before = path.read_bytes()
    (tmp_path / lock).touch()
    for rows in (4, 5):
        assert write(report(), stream(month(rows)), path, ours=ours).path == tmp_path / "out (2).xlsx"
    assert path.read_bytes() == before


def test_results_outlive_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workbook goes to the user's home, or where temporary files go, and says so."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    written = write(report(), stream(month(2)), tmp_path / "gone" / "out.xlsx")
    assert (written.path, written.wanted) == (home / "out.xlsx", tmp_path / "gone" / "out.xlsx")
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
    """A workbook that is closed and not yet proven."""
    with closing(Draft(report(), tmp_path / "out.xlsx", Showing())) as draft:
        for row in month(4):
            draft.add(row)
        draft._book.close(report(), None)
        yield draft


def test_rows_are_found_again_in_the_closed_file(closed: Draft) -> None:
    """As they were written, no byte more."""
    closed._book.prove(closed.part)


@pytest.mark.parametrize(
    ("old", "new"), [case[1:] for case in CHANGES + AROUND], ids=[case[0] for case in CHANGES + AROUND]
)
def test_a_file_that_holds_other_rows_than_were_written_is_found(closed: Draft, old: bytes, new: bytes) -> None:
    """Whatever happened between the writing and the disk."""
    _change(closed.part, old, new)
    with pytest.raises(WorkbookMismatch):
        closed._book.prove(closed.part)


def test_rows_that_are_written_wrongly_are_found(tmp_path: Path) -> None:
    """What is read back is read by a reader that knows nothing of the writer."""
    with closing(Draft(report(), tmp_path / "out.xlsx", Showing())) as draft:
        row = next(iter(month(1)))
        draft.add(row)
        other = replace(row, session_id="another")
        draft._book._result_rows.add(draft._book._results.current(), other)
        draft._book._witness.saw(row)
        draft._book.close(report(), None)
        with pytest.raises(WorkbookMismatch):
            draft._book.prove(draft.part)


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
    assert atomic_output.is_ours(path)
    import openpyxl  # noqa: PLC0415

    openpyxl.load_workbook(path).save(path)
    assert atomic_output.is_ours(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_does_not_take_it_is_one_error_and_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python complains of the half written package once more when it is thrown away, with a traceback."""
    shown: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    book = xlsxwriter.Workbook("/dev/full")
    book.add_worksheet().write_column(0, 0, [str(number) for number in range(100_000)])
    with pytest.raises(OSError, match="could not be written") as caught:
        close_book(book)
    assert caught.value.errno == errno.ENOSPC
    del book, caught
    gc.collect()
    assert shown == []
