"""Calamine in a process of its own: this file is run as a script, by `pipeline.reader.probe`.

Calamine is native code, and a stranger's file may make it print a trace, run for hours, ask for more memory than there
is, or end its process; none of these can be caught from within. So it works here, within a bound of memory and time,
and hands over the rows as texts. The script imports nothing of ours: it has to start in a hundredth of a second.

It is asked by lines on standard input and answers on standard output, each answer being a length of four bytes and that
many bytes of `marshal`; in place of any answer may come the word `damaged`.

    (nothing)       the sheets: name, whether it is a worksheet, whether it is visible; or the word `locked`
    s SHEET         the last column of the sheet with this place in the list, from 0; -1 for an empty one
    r NUMBER SHEET  begins a reading of its rows that is known by this number; no answer
    n NUMBER        some of its next rows: number from 1, texts, kinds (None: they can't be given); none at the end
    c NUMBER        ends that reading; no answer
"""

from __future__ import annotations

import faulthandler
import marshal
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

MEMORY: Final = 1024**3
"""Bytes of address space, the interpreter's included."""
_CELLS_AT_ONCE: Final = 4096
_CELLS_KEPT: Final = 8_000_000
"""Sheets are kept for the next reading while they have no more cells than this together (about 250 MB)."""

_DAYS: Final = 2_958_466
"""From 1900 to the end of the year 9999."""

Row: TypeAlias = tuple[int, list[str], str | None]
_Conversions: TypeAlias = tuple[tuple[int, Callable[[Any], str]], ...]


def number_text(value: float) -> str:
    """The exact shortest decimal text of a number: no exponent, no `.0`."""
    text = repr(value)
    if text[-2:] == ".0":
        return text[:-2]
    return format(Decimal(text), "f") if "e" in text else text


def duration_text(value: timedelta) -> str:
    """A length of time as hours, minutes and whole seconds."""
    seconds = round(value.total_seconds())
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def date_text(days: float, *, from_1904: bool, duration: bool) -> str:
    """A number of days as a date, a time of day or a length of time, as calamine gives them; empty for one that is none
    (below zero, or beyond the year 9999).
    """
    if not 0 <= days < _DAYS:
        return ""
    if duration:
        return duration_text(timedelta(days=days))
    # Spreadsheets count a 29 February 1900, which never was.
    day = int(days) + (1462 if from_1904 else int(days < 60))  # noqa: PLR2004 - that day
    moment = datetime(1899, 12, 30) + timedelta(days=day, milliseconds=round(days % 1 * 86_400_000))  # noqa: DTZ001
    if days < 1:
        return moment.time().isoformat()
    return moment.isoformat() if moment.time() != time() else moment.date().isoformat()


def _datetime_text(value: datetime) -> str:
    return value.isoformat()


_KIND: Final[dict[type, str]] = {
    str: "s",
    float: "n",
    int: "n",
    bool: "b",
    date: "d",
    datetime: "d",
    time: "d",
    timedelta: "d",
}
_TEXT: Final[dict[type, Callable[[Any], str]]] = {
    float: number_text,
    int: str,
    bool: lambda value: "TRUE" if value else "FALSE",
    date: date.isoformat,
    datetime: _datetime_text,
    time: time.isoformat,
    timedelta: duration_text,
}


def _rows(load: Callable[[], Any]) -> Iterator[Row]:
    """The rows of the sheet that hold something, each from the sheet's first column on.

    Calamine begins with the first row of all, but with the first column that is used.
    """
    sheet = load()
    kinds_of: dict[tuple[type, ...], tuple[str, _Conversions]] = {}
    before = [""] * (sheet.start[1] if sheet.start else 0)
    rows = sheet.iter_rows()
    number = 0
    while True:
        number += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except OverflowError:
            yield number, [], None
            continue
        if before:
            cells = before + cells
        types = tuple(map(type, cells))
        known = kinds_of.get(types)
        if known is None:
            known = kinds_of[types] = _kinds(types)
        kinds, convert = known
        for at, text in convert:
            cells[at] = text(cells[at])
        if any(cells):
            yield number, cells, kinds


def _kinds(types: tuple[type, ...]) -> tuple[str, _Conversions]:
    """The letters for a row of these types, and which of its cells become text by which function."""
    conversions = tuple((at, _TEXT[one]) for at, one in enumerate(types) if one is not str)
    return "".join(_KIND[one] for one in types), conversions


def _some(rows: Iterator[Row]) -> list[Row] | str:
    """The next rows, as many as have some thousand cells."""
    found: list[Row] = []
    room = _CELLS_AT_ONCE
    try:
        for row in rows:
            found.append(row)
            room -= len(row[1])
            if room <= 0:
                break
    except BaseException:  # noqa: BLE001 - calamine's panics are no `Exception`
        return _failed()
    return found


def _failed() -> str:
    """The word for a workbook that can't be read. Where memory is short that is why, and the process ends as it does
    when calamine is the first to ask for more.
    """
    try:
        bytearray(MEMORY // 4)
    except MemoryError:
        os._exit(1)
    return "damaged"


class _Server:
    """What was opened, and the readings that go on."""

    def __init__(self, book: Any, watch: Callable[[], None]) -> None:
        self._book = book
        self._watch = watch
        self._names = [sheet.name for sheet in book.sheets_metadata]
        self._sheets: dict[int, Any] = {}
        self._readings: dict[int, Iterator[Row]] = {}
        self._ready: dict[int, list[Row] | str] = {}

    def answer(self, action: str, number: int, sheet: int) -> None:
        """Does what a line asks for."""
        match action:
            case "s":
                end = self._sheet(number).end
                _send(end[1] if end else -1)
            case "r":
                self._readings[number] = _rows(partial(self._sheet, sheet))
            case "n":
                rows = self._readings[number]
                ready = self._ready.pop(number, None)
                _send(_some(rows) if ready is None else ready)
                self._watch()
                # The next ones are made while these are worked on.
                self._ready[number] = _some(rows)
            case "c":
                self._readings.pop(number, None)
                self._ready.pop(number, None)

    def _sheet(self, place: int) -> Any:
        if place not in self._sheets:
            if sum(sheet.height * sheet.width for sheet in self._sheets.values()) > _CELLS_KEPT:
                self._sheets.clear()
            self._sheets[place] = self._book.get_sheet_by_name(self._names[place])
        return self._sheets[place]


def _send(answer: Any) -> None:
    body = marshal.dumps(answer)
    faulthandler.cancel_dump_traceback_later()  # how long the other side takes is not the file's fault
    sys.stdout.buffer.write(len(body).to_bytes(4, "little") + body)
    sys.stdout.buffer.flush()


def _bound() -> None:
    """The bound of memory, no file of the memory after the end; whoever interrupts the program ends it by itself."""
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _opened(calamine: Any, path: str) -> Any:
    """The workbook; one word when it can't be opened."""
    try:
        # Calamine goes by the name of a file but by the content of bytes: an .ods called .xlsx is common enough.
        with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib takes as long as all the rest
            return calamine.CalamineWorkbook.from_filelike(file)
    except calamine.PasswordError:
        return "locked"
    except BaseException:  # noqa: BLE001 - calamine's panics are no `Exception`
        return _failed()


def main(path: str, packages: str, seconds: str) -> None:
    """Serve the workbook at `path` until standard input ends. `packages` is the folder that calamine is in; an answer
    that takes longer than `seconds` ends the process.
    """
    _bound()
    sys.path.append(packages)
    import python_calamine as calamine  # noqa: PLC0415 - found by its folder: to look for all packages takes a while

    watch = partial(faulthandler.dump_traceback_later, float(seconds), exit=True)
    watch()
    book = _opened(calamine, path)
    if isinstance(book, str):
        _send(book)
        return
    worksheet, visible = calamine.SheetTypeEnum.WorkSheet, calamine.SheetVisibleEnum.Visible
    _send([(sheet.name, sheet.typ is worksheet, sheet.visible is visible) for sheet in book.sheets_metadata])
    server = _Server(book, watch)
    for line in sys.stdin:
        watch()
        action, *numbers = line.split()
        number, sheet = (*map(int, numbers), 0)[:2]
        try:
            server.answer(action, number, sheet)
        except BaseException:  # noqa: BLE001 - as above
            _send(_failed())
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(*sys.argv[1:])
