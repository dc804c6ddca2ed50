"""What a file is, told by its content and never by its name. Refuses what can't be a sheet, in one sentence each."""

from __future__ import annotations

import re
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.messages import N_, Number
from pipeline.system.zip_errors import ZIP_ERRORS

_HEAD: Final = 4096
_PIECE: Final = 1 << 20
MAX_BYTES: Final = 2 * 1024**3
"""A file above this is refused: a sheet of a million rows has some hundred megabytes."""


_WORKBOOK: Final = re.compile(r"xl/workbook\d*\.xml", re.IGNORECASE)
"""The workbook's own list; some programs number it. Which one counts is said in the package's relations."""


_TYPES: Final = "[Content_Types].xml"
_IS_WORKBOOK: Final = re.compile(rb"(?:spreadsheetml|ms-excel)\.(?:sheet|template)(?:\.macroEnabled)?\.main\+xml")
"""The type of a workbook's own part, wherever it is: only a package that is a workbook has one of it."""


class Format(StrEnum):
    """The kinds of file that hold a sheet."""

    XLSX = "xlsx"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"
    HTML = "html"
    TEXT = "text"


_NOT_SHEETS: Final = (
    (b"%PDF", N_("{path} is a PDF, not a sheet. Export the list as .xlsx or .csv.")),
    (b"\x89PNG", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"\xff\xd8\xff", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"GIF8", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"BM", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"II*\x00", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"MM\x00*", N_("{path} is a picture, not a sheet. Export the list as .xlsx or .csv.")),
    (b"MZ", N_("{path} is a program, not a sheet. Export the list as .xlsx or .csv.")),
    (b"\x7fELF", N_("{path} is a program, not a sheet. Export the list as .xlsx or .csv.")),
    (b"\x1f\x8b", N_("{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside.")),
    (b"7z\xbc\xaf", N_("{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside.")),
    (b"Rar!", N_("{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside.")),
    (b"SQLite format 3\x00", N_("{path} is a database, not a sheet. Export the list as .xlsx or .csv.")),
    (b"PAR1", N_("{path} is a database, not a sheet. Export the list as .xlsx or .csv.")),
    (b"{\\rtf", N_("{path} is a document or presentation, not a sheet. Copy its table into a workbook and save that.")),
)
"""How files begin that people attach by mistake, and the sentence for each."""

_EXCEL_2_TO_4: Final = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
"""The first record of these versions, which had no container yet."""
_OWNER_FILES: Final = ("~$", ".~lock.")
"""How the files begin that say who has a workbook open. One of them alone is told by its name: in it is a person's."""
_SMALL_FILE: Final = 1024

_TWO_LETTERS: Final = (b"BM", b"MZ")
"""Beginnings that a heading could have too: they count only when bytes follow that no text has."""


def recognise(path: Path) -> Format:
    """The format of the file at `path`. Raises InputError when there is no sheet in it or it can't be read."""
    try:
        if path.is_dir():
            raise InputError("{path} is a folder. Choose a sheet in it.", path=str(path))
        if path.exists() and not path.is_file():
            raise InputError("{path} is not an ordinary file. Save the sheet as a file first.", path=str(path))
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise InputError("There is no file {path}. Check its name and folder.", path=str(path)) from None
    except PermissionError:
        raise InputError(
            "You can't read {path}. Ask its owner for access, or copy it to a folder of your own.", path=str(path)
        ) from None
    except OSError as error:
        raise InputError(
            "Can't open {path} ({reason}). Copy it to a local folder and try again.",
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from None
    check_size(path, size)
    if not head.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise InputError("{path} is empty. Export the sheet again.", path=str(path))
    return _by_content(path, head)


def check_size(path: Path, size: int) -> None:
    """Raises InputError for a file of more bytes than a sheet can have."""
    if size > MAX_BYTES:
        raise InputError(
            "{path} has {size} GB; the limit is {limit} GB. Export fewer rows at a time.",
            path=str(path),
            size=_gigabytes(size),
            limit=_gigabytes(MAX_BYTES),
        )


def _gigabytes(size: int) -> Number:
    return Number(size / 1024**3, 1)


def _by_content(path: Path, head: bytes) -> Format:
    if path.name.startswith(_OWNER_FILES) and len(head) < _SMALL_FILE:
        raise InputError(
            "{path} is not a sheet: it only shows who has the workbook open. Choose the workbook itself.",
            path=str(path),
        )
    if head.startswith(_EXCEL_2_TO_4):
        raise InputError(
            "{path} is a workbook of Excel 2, 3 or 4. Open it in a spreadsheet program and save it as .xlsx.",
            path=str(path),
        )
    for start, text in _NOT_SHEETS:
        if head.startswith(start) and (start not in _TWO_LETTERS or b"\x00" in head):
            raise InputError(text, path=str(path))
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _in_ole(path)
    return _in_text(path, head)


def _in_zip(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            # Some programs write the separators of Windows.
            names = frozenset(name.replace("\\", "/") for name in archive.namelist())
            kind = _beginning(archive, "mimetype")
            is_usual = any(map(_WORKBOOK.fullmatch, names))
            types = b"" if is_usual else _beginning(archive, _TYPES)
    except ZIP_ERRORS:
        raise InputError(
            "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again.",
            path=str(path),
        ) from None
    if is_usual or _IS_WORKBOOK.search(types):
        return Format.XLSX
    if "xl/workbook.bin" in names:
        return Format.XLSB
    if b"opendocument.spreadsheet" in kind:
        return Format.ODS
    if "word/document.xml" in names or "ppt/presentation.xml" in names or b"opendocument" in kind:
        raise InputError(
            "{path} is a document or presentation, not a sheet. Copy its table into a workbook and save that.",
            path=str(path),
        )
    if any(name.endswith(".iwa") for name in names):
        raise InputError(
            "{path} is an Apple Numbers file. Export it from Numbers as Excel (.xlsx) or CSV.", path=str(path)
        )
    raise InputError(
        "{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside.", path=str(path)
    )


def _beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of a member; none when it is not there."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as member:
        return member.read(_PIECE)


def _in_ole(path: Path) -> Format:
    """The old container of Microsoft's: a workbook, a locked one, or another kind of document."""
    streams = {
        name: name.lower().encode("utf-16-le")
        for name in ("EncryptedPackage", "Workbook", "Book", "WordDocument", "PowerPoint")
    }
    seen: set[str] = set()
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(_PIECE):
            window = (tail + piece).lower()
            seen |= {name for name, spelt in streams.items() if spelt in window}
            tail = piece[-64:]
    if "EncryptedPackage" in seen:
        raise InputError("{path} is password-protected. Save a copy without a password and use that.", path=str(path))
    if seen & {"Workbook", "Book"}:
        return Format.XLS
    raise InputError(
        "{path} is a document or presentation, not a sheet. Copy its table into a workbook and save that.",
        path=str(path),
    )


def _in_text(path: Path, head: bytes) -> Format:
    start = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith(b"mime-version:") and b"multipart/related" in start:
        raise InputError(
            "{path} is a web page archive. Open it in a spreadsheet program and save it as .xlsx.", path=str(path)
        )
    if start.startswith(b"<?xml") and b"urn:schemas-microsoft-com:office:spreadsheet" in start:
        raise InputError(
            "{path} is an XML spreadsheet of 2003. Open it in a spreadsheet program and save it as .xlsx.",
            path=str(path),
        )
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<body", b"<meta", b"<style", b"<div")):
        return Format.HTML
    if start.startswith((b"<?xml", b"<!--")) and (b"<html" in start or b"<table" in start):
        return Format.HTML
    if start.startswith((b"<?xml", b'{"', b"[{")):
        raise InputError("{path} contains XML or JSON, not a table. Export the list as .xlsx or .csv.", path=str(path))
    return Format.TEXT
