"""The number formats of an OpenDocument workbook, in the codes that other workbooks use (`yyyy-mm-dd`, `#,##0.00`).

Owns the reading of styles: a cell names a cell style, that one a data style, whose parts are spelt out one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.reader.archive import Archive

_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_NUMBER: Final = "{urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0}"
_ROOT: Final = re.compile(rb"<(office:document-content)\b[^>]*>")
_AUTOMATIC: Final = re.compile(
    rb"<office:automatic-styles>(?:(?!<office:automatic-styles>).)*?</office:automatic-styles>", re.DOTALL
)
_ABOVE_ZERO: Final = ("value()>=0", "value()>0")
_DEEPEST: Final = 20
"""Parents of a style: a loop among them ends here."""

_LENGTHS: Final = {
    "year": ("yy", "yyyy"), "day": ("d", "dd"), "day-of-week": ("ddd", "dddd"), "hours": ("h", "hh"),
    "minutes": ("m", "mm"), "seconds": ("s", "ss"), "am-pm": ("AM/PM", "AM/PM"),
}  # fmt: skip
_PLAIN: Final = re.compile(r"[-+/ ():]*")


class CellStyles:
    """The number format of every cell style by its name; `""` for those without one, and for unknown names.

    `has_lost` says that a format was asked for which has no code.
    """

    def __init__(self, archive: Archive, head: bytes) -> None:
        """`head` is the beginning of `content.xml`, at least up to the first row."""
        self._parents: dict[str, str] = {}
        self._data_names: dict[str, str] = {}
        self._data: dict[str, ET.Element] = {}
        self._struck: dict[str, bool | None] = {}
        self._known: dict[str, str] = {}
        self.has_lost = False
        for root in _roots(archive, head):
            for style in root.iter():
                self._add(style)

    def _add(self, style: ET.Element) -> None:
        name = style.get(f"{_STYLE}name", "")
        if style.tag == f"{_STYLE}style" and style.get(f"{_STYLE}family") == "table-cell":
            self._parents[name] = style.get(f"{_STYLE}parent-style-name", "")
            for text in style.iter(f"{_STYLE}text-properties"):
                self._struck[name] = _is_struck(text)
            if data := style.get(f"{_STYLE}data-style-name"):
                self._data_names[name] = data
        elif style.tag.startswith(_NUMBER) and style.tag.endswith("-style"):
            self._data[name] = style

    def number_format(self, name: str) -> str:
        """The format of the cell style called `name`, its own or that of its parents."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._found(name)
        return known

    def is_struck(self, name: str) -> bool:
        """Whether the cell style called `name` strikes its text through, by itself or as its parents do."""
        if not self._struck:
            return False
        for _ in range(_DEEPEST):
            if self._struck.get(name) is not None or not name:
                return bool(self._struck.get(name))
            name = self._parents.get(name, "")
        return False

    def _found(self, name: str) -> str:
        for _ in range(_DEEPEST):
            if name in self._data_names:
                data = self._data.get(self._data_names[name])
                code = None if data is None else self._code(data)
                self.has_lost = self.has_lost or code is None
                return code or ""
            if not name:
                break
            name = self._parents.get(name, "")
        return ""

    def _code(self, data: ET.Element) -> str | None:
        """A data style as one code, its forms for single conditions first; None when a part of it has no code."""
        maps = list(data.iter(f"{_STYLE}map"))
        sections: list[str | None] = []
        for one in maps:
            condition = one.get(f"{_STYLE}condition", "").replace(" ", "")
            other = self._data.get(one.get(f"{_STYLE}apply-style-name", ""))
            if other is not None and condition.startswith("value()"):
                form = _section(other)
                is_sign = len(maps) == 1 and condition in _ABOVE_ZERO
                sections.append(form if is_sign or form is None else f"[{condition.removeprefix('value()')}]{form}")
        sections.append(_section(data))
        return None if None in sections else ";".join(filter(None, sections))


def _is_struck(text: ET.Element) -> bool | None:
    """What the properties of a style's text say; None when they leave it to the parent."""
    ways = [text.get(f"{_STYLE}text-line-through-{name}") for name in ("style", "type")]
    said = [way for way in ways if way is not None]
    return any(way != "none" for way in said) if said else None


def _roots(archive: Archive, head: bytes) -> Iterator[ET.Element]:
    """The parts of the workbook that hold styles, those of `styles.xml` first."""
    root, automatic = _ROOT.search(head), _AUTOMATIC.search(head)
    own = root[0] + automatic[0] + b"</" + root[1] + b">" if root and automatic else b""
    for text in (archive.read("styles.xml"), own):
        try:
            if text:
                yield ET.fromstring(text)  # noqa: S314 - the archive refuses document types
        except ET.ParseError:
            continue


def _section(data: ET.Element) -> str | None:
    """The code for the parts of one data style, empty for General; None when a part has no code."""
    kind = data.tag.removeprefix(_NUMBER).removesuffix("-style")
    elapsed = data.get(f"{_NUMBER}truncate-on-overflow") == "false"
    codes: list[str] = []
    for part in data:
        code = _part(part, kind, elapsed=elapsed and not codes)
        if code is None:
            return None
        codes.append(code)
    whole = "".join(codes)
    return "" if whole in {"0", "General"} and kind == "number" and _is_general(data) else whole


def _is_general(data: ET.Element) -> bool:
    """Whether as many decimals are shown as there are: what other workbooks call General."""
    number = data.find(f"{_NUMBER}number")
    return number is not None and number.get(f"{_NUMBER}decimal-places") is None


def _part(part: ET.Element, kind: str, *, elapsed: bool) -> str | None:
    name = part.tag.removeprefix(_NUMBER)
    long = part.get(f"{_NUMBER}style") == "long"
    match name:
        case "text":
            return _literal(part.text or "", percent=kind == "percentage")
        case "number":
            return _digits(part)
        case "scientific-number":
            return f"{_digits(part)}E+{'0' * _count(part, 'min-exponent-digits', 2)}"
        case "currency-symbol":
            # Without a symbol it is the one of the country, which for Canadian dollars is this.
            country = part.get(f"{_NUMBER}country", "")
            return _literal(part.text or ("$" if country in {"", "CA"} else country))
        case "text-content":
            return "@"
        case "month":
            if part.get(f"{_NUMBER}textual") == "true":
                return "mmmm" if long else "mmm"
            return "mm" if long else "m"
        case "seconds" if decimals := _count(part, "decimal-places", 0):
            return f"{_LENGTHS[name][long]}.{'0' * decimals}"
        case _ if name in _LENGTHS:
            code = _LENGTHS[name][long]
            return f"[{code}]" if elapsed else code
        case _:
            # What the parts of a style say of colours and conditions is no part of the number.
            return None if part.tag.startswith(_NUMBER) else ""


def _digits(part: ET.Element) -> str:
    whole = _count(part, "min-integer-digits", 1)
    if part.get(f"{_NUMBER}grouping") == "true":
        digits = "0" * whole
        padded = digits.rjust(4, "#")
        code = f"{padded[:-3]},{padded[-3:]}"
    else:
        code = _with_texts("0" * whole or "#", part)
    decimals = _count(part, "decimal-places", 0)
    least = min(decimals, _count(part, "min-decimal-places", decimals))
    scaled = "," * ((len(part.get(f"{_NUMBER}display-factor", "1")) - 1) // 3)
    return code + ("." + "0" * least + "#" * (decimals - least) if decimals else "") + scaled


def _with_texts(digits: str, part: ET.Element) -> str:
    """Digits with the texts that stand among them (`000-000`), each by how many digits follow it."""
    texts = {_count(one, "position", 0): one.text or "" for one in part.iter(f"{_NUMBER}embedded-text")}
    length = len(digits)
    return "".join(
        (_literal(texts[length - at]) if at and length - at in texts else "") + digit for at, digit in enumerate(digits)
    )


def _count(part: ET.Element, name: str, default: int) -> int:
    text = part.get(f"{_NUMBER}{name}", "")
    return min(int(text), 30) if text.isdecimal() else default


def _literal(text: str, *, percent: bool = False) -> str:
    """A text within a code: as it stands where no sign of it means anything, else in quotation marks."""
    if percent and "%" in text:
        before, _, after = text.partition("%")
        return f"{_literal(before)}%{_literal(after)}"
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', "") + '"'
