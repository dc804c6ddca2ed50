"""What calamine does not show of an .xlsx: hidden rows and columns, error values, formulas without a value, looks.

The sheet's XML is searched as bytes, window by window. A parser would cost more than the reading itself; a search costs
a tenth of it (measured with 100,000 rows of 14 columns), because most windows hold nothing of interest.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from operator import itemgetter
from posixpath import join, normpath, split
from typing import Final, NamedTuple, cast
from xml.etree import ElementTree as ET

from pipeline.domain.errors import InputError
from pipeline.domain.number_formats import is_date_format
from pipeline.reader.archive import Archive
from pipeline.reader.headings import letter
from pipeline.reader.metadata import (
    BUILT_IN_FORMATS,
    LONGEST_ROW,
    MOST_COLUMNS,
    MetadataError,
    SheetMetadata,
    Styles,
    mark_between,
)
from pipeline.reader.native import number_text

_ROW: Final = re.compile(rb"<row\b([^<>]*)>")
_CELL: Final = re.compile(rb"<c\b([^<>]*)>")
_ROW_OR_CELL: Final = re.compile(rb"<(row|c)(?=[\s>])([^<>]*)>")
_NUMBER: Final = re.compile(rb'\sr="([A-Z]{0,3})(\d+)"')
_STYLE: Final = re.compile(rb'\ss="(\d+)"')
_OTHER_TYPE: Final = re.compile(rb'\st="[sibe]')
_HIDDEN: Final = re.compile(rb"\shidden=[\"'](?:1|true|on)[\"']|\sht=[\"']0(?:\.0*)?[\"']")
_SHOWN: Final = re.compile(rb"\s(?:hidden|ht)=")
_ZERO_HEIGHT: Final = re.compile(rb'<sheetFormatPr\b[^<>]*\szeroHeight="(?:1|true|on)"')
_COLUMN: Final = re.compile(rb"<col\b([^<>]*)>")
_SPAN: Final = re.compile(rb'\s(min|max)="(\d+)"')
_FAR_COLUMN: Final = re.compile(rb'r="([A-Z]{2,3})\d')
_FULL_CELL: Final = re.compile(rb'<c\s[^<>]*?\br="([A-Z]{1,3})(\d+)"[^<>]*(?<!/)>')
_HAS_ERROR: Final = re.compile(rb't="e"')
_ERROR: Final = re.compile(rb'<c(?=\s)([^<>]*\st="e"[^<>]*)>(?:[^<]|<(?!/?c[\s>]|v[\s>]))*+<v[^<>]*>([^<]*)<')
_HAS_FORMULA: Final = re.compile(rb"<f[ />]")
_UNSAVED: Final = re.compile(rb"<f\b(?:[^<>]*/>|[^<>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")
_HAS_NEGATIVE: Final = re.compile(rb"><v>-")
_NEGATIVE: Final = re.compile(
    rb"<c(?=\s)([^<>]*)>(?:<f\b[^<>]*/>|<f\b[^<>]*>[^<]*</f>)?<v>(-[0-9.]+(?:[eE][-+]?[0-9]+)?)<"
)
_YES: Final = ("1", "true", "on")
_MERGE: Final = re.compile(rb'<mergeCell\b[^<>]*\sref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_TEXT_RESULT: Final = re.compile(rb'\st="str"')
_SHARED_TEXT: Final = re.compile(rb'<c(?=\s)([^<>]*\st="s"[^<>]*)>\s*<v>(\d+)</v>')
_LOOKS_OF_LETTERS: Final = (b"strike", b"vertAlign")
_DECLARATIONS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_ROOT: Final = re.compile(rb"<(\w+:)?worksheet\b([^<>]*)>")
_SINGLE_QUOTED: Final = re.compile(rb"=\s*'([^'\"<>]*)'")

_SPACED: Final = tuple(mark for space in (b" ", b"\n", b"\r", b"\t") for mark in (b"<v>" + space, space + b"</v>"))
"""Spaces around a value, which are quickly found."""
_SPACED_TEXT: Final = re.compile(rb'\st="s"[^<>]*>\s*<v>(?:\s|\d+\s)')
"""The number of a text, with a space: to calamine it is 0, and the cell would have the first text of the workbook."""

_MOST_EXPECTED: Final = 100
"""Columns of numbers that one expression can know. A sheet with more of them is taken apart, which takes longer."""

_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION: Final = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def metadata_of_xlsx(archive: Archive, member: str, styles: Styles) -> SheetMetadata:
    """Search the XML of one sheet; `styles` are the workbook's cell styles.

    Raises InputError when it unpacks to more than it declares or calamine would give other texts than it holds,
    NotShown when it is in an encoding that can't be searched.
    """
    metadata = SheetMetadata()
    watch = _CellSearch(styles.looks, metadata)
    dated = frozenset(str(style).encode() for style, look in enumerate(styles.looks) if is_date_format(look))
    numbers = "|".join(map(str, sorted(styles.struck)))
    struck = re.compile(rf'<c\b(?=[^<>]*\ss="(?:{numbers})")([^<>]*)(?<!/)>'.encode()) if numbers else None
    for count, window in enumerate(_windows(archive.pieces(member))):
        if not count:
            if not _ROOT.search(window):
                raise MetadataError
            _note_head(window, metadata)
        if any(mark in window for mark in _SPACED) and _SPACED_TEXT.search(window):
            raise InputError(
                "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again.",
                path=str(archive.path),
            )
        watch.note(window)
        if _HAS_FORMULA.search(window):
            _note_unsaved(window, metadata)
        if dated and _HAS_NEGATIVE.search(window):
            _note_negative_dates(window, dated, metadata)
        for cell in struck.finditer(window) if struck else ():
            metadata.note_struck(*_place(window, cell.start(), cell[1], metadata))
        _note_texts(window, styles.texts, metadata)
        if b"<mergeCell " in window:
            for left, top, right, bottom in _MERGE.findall(window):
                metadata.note_merge((int(top), int(bottom)), (column_at(left), column_at(right)))
        _note_rows(window, metadata)
    return metadata


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML in one way of writing, cut behind ends of rows, so that no row is in two windows."""
    rest = b""
    prefix, plain = b"", None
    for piece in pieces:
        whole = rest + piece
        if plain is None:
            prefix, plain = _writing(whole)
        end = b"</" + prefix + b"row>"
        cut = whole.rfind(end)
        if cut < 0:
            if len(whole) > LONGEST_ROW:
                raise MetadataError
            rest = whole
            continue
        cut += len(end)
        yield plain(whole[:cut])
        rest = whole[cut:]
    yield plain(rest) if plain else rest


def _writing(start: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The prefix before every tag, and what brings the XML into the usual writing: no prefix, double quotes."""
    root = _ROOT.search(start)
    prefix, attributes = (root[1] or b"", root[2]) if root else (b"", b"")
    if not prefix and b"'" not in attributes:
        return prefix, bytes
    tag = re.compile(b"<(/?)" + prefix)
    return prefix, lambda window: _SINGLE_QUOTED.sub(rb'="\1"', tag.sub(rb"<\1", window))


def _note_head(window: bytes, metadata: SheetMetadata) -> None:
    """What stands above the rows: columns, and whether rows are hidden unless they say otherwise."""
    row = _ROW.search(window)
    head = window[: row.start()] if row else window
    metadata.all_hidden = bool(_ZERO_HEIGHT.search(head))
    for column in _COLUMN.finditer(head):
        if _HIDDEN.search(column[1]):
            span = {name: int(number) for name, number in _SPAN.findall(column[1])}
            metadata.hidden_columns |= set(range(span.get(b"min", 1) - 1, min(span.get(b"max", 0), MOST_COLUMNS)))


class _CellSearch:
    """Finds the cells of which more is to be known than calamine tells: error values, numbers that look unlike the
    others of their column, and cells beyond the columns seen so far.

    Nearly every cell is like those above it. So a window is first searched for one that is not, by one expression that
    knows what to expect, and taken apart only when it has one.
    """

    def __init__(self, looks: tuple[str, ...], metadata: SheetMetadata) -> None:
        self._looks = looks
        self._metadata = metadata
        self._unlike: re.Pattern[bytes] | None = None

    def note(self, window: bytes) -> None:
        """The cells of the next window."""
        if self._unlike is not None and not self._unlike.search(window):
            return
        metadata, usual = self._metadata, self._metadata.looks.usual
        if _HAS_ERROR.search(window):
            for cell in _ERROR.finditer(window):
                row, column = _place(window, cell.start(), cell[1], metadata)
                metadata.patch(row, column, "e", unescape(cell[2].decode("utf-8", "replace")))
        numbers = list(self._numbers(window))
        found: dict[int, Counter[str]] = {}
        for _, column, look in numbers:
            if column not in usual:
                found.setdefault(column, Counter())[look] += 1
        usual |= {column: looks.most_common(1)[0][0] for column, looks in found.items()}
        for row, column, look in numbers:
            if look != usual[column]:
                metadata.looks.note(row, column, look)
        far = max({column_at(name) for name in set(_FAR_COLUMN.findall(window))}, default=0)
        if found or far >= metadata.columns or self._unlike is None:
            metadata.columns = max(metadata.columns, _bound(letter(far)))
            # Cells that say nothing of themselves can't be known by their column.
            known = len(usual) <= _MOST_EXPECTED and b"<c>" not in window
            self._unlike = self._unlike_usual() if known else None

    def _numbers(self, window: bytes) -> Iterator[tuple[int, int, str]]:
        """Row, column and look of each cell that holds a number or a date."""
        row, column = self._metadata.rows_seen, -1
        for tag in _ROW_OR_CELL.finditer(window):
            attributes = tag[2]
            place = _NUMBER.search(attributes)
            if tag[1] == b"row":
                row, column = int(place[2]) if place else row + 1, -1
                continue
            column = column_at(place[1]) if place else column + 1
            if attributes.endswith(b"/") or _OTHER_TYPE.search(attributes):
                continue
            style = _STYLE.search(attributes)
            index = int(style[1]) if style else 0
            yield row, column, self._looks[index] if index < len(self._looks) else ""

    def _unlike_usual(self) -> re.Pattern[bytes]:
        """Finds a cell that is neither blank, nor a text, nor a number that looks as is usual in its column.

        A text has the type `s`, `str` or `inlineStr`, a boolean `b`; an error value has `e` and is found.
        """
        known = rf"{_names_up_to(letter(self._metadata.columns - 1))}\d++"
        expected = [rf'{known}" s="\d++"(?: t="[sib]|/>)|{known}"/>']
        first = self._looks[0] if self._looks else ""
        for column, look in self._metadata.looks.usual.items():
            styles = "|".join(str(index) for index, one in enumerate(self._looks) if one == look)
            # Without a style of its own a cell has the first one.
            unstyled = "|(?! s=)" if look == first else ""
            expected.append(rf'{letter(column)}\d++"(?: s="(?:{styles})"{unstyled})(?! t="e")')
        # Most cells are texts without a style: to ask for them first takes a fifth less.
        return re.compile(rf'<c (?!r="{known}" t="[sib])(?!r="(?:{"|".join(expected)}))'.encode())


def _names_up_to(last: str) -> str:
    """An expression for the names of columns that begin no later than `last` does, and are no longer."""
    shorter = ("", "[A-Z]|", "[A-Z]{1,2}+|")[len(last) - 1]
    return f"(?:{shorter}[A-{last[0]}]{'[A-Z]' * (len(last) - 1)})"


def _bound(last: str) -> int:
    """How many columns the expression for `last` knows."""
    return column_at(f"{last[0]}{'Z' * (len(last) - 1)}".encode()) + 1


def _note_unsaved(window: bytes, metadata: SheetMetadata) -> None:
    for formula in _UNSAVED.finditer(window):
        start = window.rfind(b"<", 0, formula.start())
        cell = _CELL.match(window, start)
        # A formula whose result is an empty text (`t="str"`) has its value saved: it is empty.
        if cell and not _TEXT_RESULT.search(cell[1]):
            row, column = _place(window, start, cell[1], metadata)
            metadata.patch(row, column, "f", "")


def _note_negative_dates(window: bytes, dated: frozenset[bytes], metadata: SheetMetadata) -> None:
    """Before 1900 there are no dates: calamine makes times of day of such numbers."""
    for cell in _NEGATIVE.finditer(window):
        style = _STYLE.search(cell[1])
        if (style[1] if style else b"0") in dated and not _OTHER_TYPE.search(cell[1]):
            row, column = _place(window, cell.start(), cell[1], metadata)
            metadata.patch(row, column, "n", number_text(float(cell[2])))


def _note_texts(window: bytes, texts: Mapping[bytes, tuple[str, bool]], metadata: SheetMetadata) -> None:
    for cell in _SHARED_TEXT.finditer(window) if texts else ():
        if cell[2] in texts:
            row, column = _place(window, cell.start(), cell[1], metadata)
            text, is_struck = texts[cell[2]]
            metadata.patch(row, column, "s", text)
            if is_struck:
                metadata.note_struck(row, column)


def _place(window: bytes, start: int, attributes: bytes, metadata: SheetMetadata) -> tuple[int, int]:
    """Row and column of the cell whose tag begins at `start`; without a reference of its own, by counting."""
    reference = _NUMBER.search(attributes)
    if reference:
        return int(reference[2]), column_at(reference[1])
    rows, cells = _tags(window)
    count = bisect_left(rows, start, key=itemgetter(0))
    if not count:
        return metadata.rows_seen, bisect_left(cells, start)
    _, end, attributes = rows[count - 1]
    number = _NUMBER.search(attributes)
    row = int(number[2]) if number else metadata.rows_seen + count
    return row, bisect_left(cells, start) - bisect_left(cells, end)


@lru_cache(maxsize=1)
def _tags(window: bytes) -> tuple[list[tuple[int, int, bytes]], list[int]]:
    """Where the rows of a window begin and where their tags end, with their attributes; and where its cells begin.

    Gathered once, since counting anew for each cell takes the square of their number.
    """
    rows = [(row.start(), row.end(), row[1]) for row in _ROW.finditer(window)]
    return rows, [cell.start() for cell in _CELL.finditer(window)]


def _note_rows(window: bytes, metadata: SheetMetadata) -> None:
    """Which rows are hidden, and how far the sheet reaches."""
    rows = _ROW.findall(window)
    tags = b">".join(rows)
    if metadata.all_hidden or b"hidden=" in tags or b"ht=" in tags:
        for count, attributes in enumerate(rows, metadata.rows_seen + 1):
            if _HIDDEN.search(attributes) or (metadata.all_hidden and not _SHOWN.search(attributes)):
                number = _NUMBER.search(attributes)
                metadata.hidden_rows.add(int(number[2]) if number else count)
    metadata.rows_seen += len(rows)
    last = _NUMBER.search(rows[-1]) if rows else None
    metadata.rows = max(metadata.rows, int(last[2]) if last else metadata.rows_seen)


def last_cell(archive: Archive, member: str) -> tuple[int, int]:
    """The last row and the number of columns that hold a value: exact and slow, for sheets that look too wide."""
    last_row = last_column = 0
    for window in _windows(archive.pieces(member)):
        for name, number in _FULL_CELL.findall(window):
            last_row = max(last_row, int(number))
            last_column = max(last_column, column_at(name) + 1)
    return last_row, last_column


def column_at(name: bytes) -> int:
    """The position from 0 of the column named A, B … XFD."""
    position = 0
    for char in name:
        position = position * 26 + char - 64
    return position - 1


class Link(NamedTuple):
    """A relation of a part: the last word of its kind, the member that is meant, and how it is spelt."""

    kind: str
    member: str
    target: str


@dataclass(frozen=True, slots=True)
class Package:
    """Where the parts of a workbook are. `sheets` are the relations of its sheets by their id; `names` gives the id of
    each sheet of its list; `parts` are the members of the other relations by their kind.
    """

    workbook: str
    sheets: dict[str, Link]
    names: dict[str, str]
    parts: dict[str, str]

    @property
    def is_usual(self) -> bool:
        """Whether the workbook's own part is where it nearly always is, and its sheets are where their relations say
        without any steps (`../one.xml`).
        """
        places = [link.member in {f"xl/{link.target}", link.target.lstrip("/")} for link in self.sheets.values()]
        return self.workbook == "xl/workbook.xml" and all(places)

    def member(self, sheet: str) -> str | None:
        """The member that holds the sheet of this name."""
        link = self.sheets.get(self.names.get(sheet, ""))
        return link.member if link else None

    def __contains__(self, sheet: str) -> bool:
        return self.member(sheet) is not None


def package_of(archive: Archive) -> Package:
    """Follow the relations of the package. Raises NotShown when they, or the workbook's list, can't be read."""
    workbook = next(
        (link.member for link in related(archive, "").values() if link.kind == "officeDocument"),
        "xl/workbook.xml",
    )
    relations = {name: link for name, link in related(archive, workbook).items() if link.member in archive}
    names = {
        sheet.get("name", ""): sheet.get(_RELATION) or sheet.get(_STRICT_RELATION) or ""
        for sheet in _parsed(archive, workbook).iter()
        if sheet.tag.rpartition("}")[2] == "sheet"
    }
    sheets = {name: relations[name] for name in names.values() if name in relations}
    parts = {link.kind: link.member for name, link in relations.items() if name not in sheets}
    return Package(workbook, sheets, names, parts)


def related(archive: Archive, member: str) -> dict[str, Link]:
    """The relations of a member (of the whole package when empty) by their id.

    Raises NotShown when they can't be read.
    """
    folder, name = split(member)
    relations = {}
    for link in _parsed(archive, join(folder, "_rels", f"{name}.rels")):
        target = link.get("Target", "").replace("\\", "/")
        path = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
        relations[link.get("Id", "")] = Link(link.get("Type", "").rpartition("/")[2], path, target)
    return relations


def _parsed(archive: Archive, member: str) -> ET.Element:
    """A small member as XML; without any content when it is missing. Raises NotShown when it is broken."""
    try:
        return ET.fromstring(archive.read(member) or b"<none/>")  # noqa: S314 - the archive refuses document types
    except (ET.ParseError, LookupError, ValueError):  # also of an encoding that nobody knows
        raise MetadataError from None


def styles_of_xlsx(archive: Archive, package: Package) -> Styles:
    """The cell styles, in the workbook's order. Raises NotShown when they can't be read."""
    codes = dict(BUILT_IN_FORMATS)
    looks: list[str] = []
    struck: list[bool] = []
    through: list[int] = []
    for part in _parsed(archive, package.parts.get("styles", "xl/styles.xml")):
        tag = part.tag.rpartition("}")[2]
        if tag == "numFmts":
            codes |= {_number(one, "numFmtId"): one.get("formatCode", "") for one in part}
        elif tag == "fonts":
            struck = [any(map(_is_strike, font)) for font in part]
        elif tag == "cellXfs":
            looks = [codes.get(_number(one, "numFmtId"), "") for one in part]
            fonts = [_number(one, "fontId") for one in part]
            through = [style for style, font in enumerate(fonts) if 0 <= font < len(struck) and struck[font]]
    texts = _texts_with_looks(archive, package.parts.get("sharedStrings", "xl/sharedStrings.xml"))
    return Styles(tuple("" if look == "General" else look for look in looks), frozenset(through), texts)


def _texts_with_looks(archive: Archive, member: str) -> dict[bytes, tuple[str, bool]]:
    """The texts of which letters are struck through or raised. Most workbooks have none, which a search shows."""
    if member not in archive or not _has_any(archive, member, _LOOKS_OF_LETTERS):
        return {}
    if _has_any(archive, member, _DECLARATIONS):
        raise MetadataError
    found = {}
    for number, item in enumerate(_items(archive, member)):
        runs = [_run(run) for run in item if run.tag.rpartition("}")[2] == "r"]
        if any(is_struck or is_raised for _, is_struck, is_raised in runs):
            found[str(number).encode()] = _read(runs)
    return found


def _has_any(archive: Archive, member: str, words: tuple[bytes, ...]) -> bool:
    """Whether a member has one of these words of at most 16 bytes."""
    before = b""
    for piece in archive.pieces(member):
        if any(word in before + piece for word in words):
            return True
        before = piece[-16:]
    return False


def _items(archive: Archive, member: str) -> Iterator[ET.Element]:
    """The shared texts one after the other: there may be millions. Raises MetadataError when they are broken."""
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
    root: ET.Element | None = None
    try:
        for piece in archive.pieces(member):
            parser.feed(piece)
            for event, element in cast("Iterator[tuple[str, ET.Element]]", parser.read_events()):
                root = element if root is None else root
                if event == "end" and element.tag.rpartition("}")[2] == "si":
                    yield element
                    root.clear()
    except (ET.ParseError, LookupError, ValueError):
        raise MetadataError from None


def _run(run: ET.Element) -> tuple[str, bool, bool]:
    """The text of letters that look alike, and whether they are struck through, and raised or lowered."""
    parts = {part.tag.rpartition("}")[2]: part for part in run}
    looks = parts.get("rPr", ())
    is_raised = any(
        look.tag.rpartition("}")[2] == "vertAlign" and look.get("val") in {"superscript", "subscript"} for look in looks
    )
    text = parts["t"].text or "" if "t" in parts else ""
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text), any(map(_is_strike, looks)), is_raised


def _read(runs: Sequence[tuple[str, bool, bool]]) -> tuple[str, bool]:
    """The whole text, with a mark between digits of different looks, and whether all of it is struck through."""
    shown, before = "", (False, False)
    for text, *looks in runs:
        if not text.isspace() and tuple(looks) != before:
            shown += mark_between(shown, text)
            before = looks[0], looks[1]
        shown += text
    return shown, all(is_struck or not text.strip() for text, is_struck, _ in runs)


def _number(element: ET.Element, name: str) -> int:
    """A number that an attribute holds; of no format and no font when it holds something else."""
    text = element.get(name, "0")
    return int(text) if text.isascii() and text.isdecimal() else -1


def _is_strike(property_: ET.Element) -> bool:
    return property_.tag.rpartition("}")[2] == "strike" and property_.get("val", "1") in _YES
