"""Good workbooks that calamine does not read as they are: a copy that says the same in the way that it knows.

Other programs go by the relations of a package and by the meaning of its XML; calamine goes by the usual names. A copy
is made only of what is unusual, and nothing of what is in it changes but names, relations and the spaces between tags.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from pipeline.reader.archive import Archive
from pipeline.reader.xlsx_metadata import Package

_CONTENT: Final = "content.xml"
_SPACE: Final = re.compile(rb"(?<=>)\s+(?=</?(?:table|office):)")
_WORKBOOK: Final = "xl/workbook.xml"
_USUAL: Final = {"styles": "xl/styles.xml", "sharedStrings": "xl/sharedStrings.xml"}
_KNOWN_SHEETS: Final = frozenset(("worksheet", "chartsheet", "dialogsheet"))
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def repaired_ods(archive: Archive, copy: Path) -> bool:
    """Write a copy without line breaks between cells. False, and no copy, when there are none."""
    if not _SPACE.search(next(archive.pieces(_CONTENT), b"")):
        return False
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in archive.names():
            pieces = archive.pieces(name)
            _write(book, name, _without_spaces(pieces) if name == _CONTENT else pieces)
    return True


def repaired_xlsx(archive: Archive, package: Package, copy: Path) -> bool:
    """Write a copy with every part where calamine looks for it, and without sheets of macros.

    False, and no copy, when calamine finds all of it.
    """
    kinds = {link.kind for link in package.sheets.values()}
    places = {_USUAL[kind]: member for kind, member in package.parts.items() if kind in _USUAL}
    usual = all(name.casefold() == member.casefold() for name, member in places.items())
    if package.is_usual and usual and kinds <= _KNOWN_SHEETS:
        return False
    links = []
    for at, (name, link) in enumerate(package.sheets.items(), 1):
        if link.kind == "worksheet":
            places[f"xl/worksheets/sheet{at}.xml"] = link.member
            links.append(_link(name, link.kind, f"worksheets/sheet{at}.xml"))
    links += [_link(kind, kind, _USUAL[kind].removeprefix("xl/")) for kind in package.parts if kind in _USUAL]
    workbook = archive.read(package.workbook)
    for name in [name for name, link in package.sheets.items() if link.kind != "worksheet"]:
        workbook = re.sub(rb'<(\w+:)?sheet\s[^<>]*"%s"[^<>]*>' % re.escape(name.encode()), b"", workbook)
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", archive.read("[Content_Types].xml"))
        book.writestr("_rels/.rels", _relations([_link("workbook", "officeDocument", _WORKBOOK)]))
        book.writestr(_WORKBOOK, workbook)
        book.writestr("xl/_rels/workbook.xml.rels", _relations(links))
        for name, member in places.items():
            _write(book, name, archive.pieces(member))
    return True


def _link(name: str, kind: str, target: str) -> str:
    return f"<Relationship Id={quoteattr(name)} Type={quoteattr(_KINDS + kind)} Target={quoteattr(target)}/>"


def _relations(links: list[str]) -> str:
    return f"<Relationships xmlns={quoteattr(_RELATIONS)}>{''.join(links)}</Relationships>"


def _write(book: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> None:
    with book.open(name, "w") as member:
        for piece in pieces:
            member.write(piece)


def _without_spaces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The XML without spaces between its tags, cut before a tag, so that no space is in two pieces."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(b"<", 0, whole.rfind(b">") + 1)
        cut = max(cut, 0)
        yield _SPACE.sub(b"", whole[:cut])
        rest = whole[cut:]
    yield _SPACE.sub(b"", rest)
