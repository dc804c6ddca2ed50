"""Workbooks that other programs open, with other places, names and spaces in them; and what is none, by its name."""

import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from support.binary_workbooks import Sheet, contained, write_xls
from support.reading import codes, refusal, rows_of
from support.sheet_workbooks import write_ods

from pipeline.domain.errors import InputError

CASES = Path(__file__).parents[1] / "cases"
HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount"]
ROW = ["INV-1", "Zoé", "Doe", "j@example.com", 5]


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    """The parts of an ordinary workbook: a hidden row, a percentage, an error value, two sheets."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (HEAD, ROW, ["INV-2", *ROW[1:4], 0.25], ["INV-3", *ROW[1:4], "#N/A"], ["INV-4", *ROW[1:]]):
        sheet.append(row)
    sheet["E3"].number_format = "0%"
    sheet.row_dimensions[5].hidden = True
    book.create_sheet("Other").append(["nothing"])
    book.save(tmp_path / "usual.xlsx")
    with zipfile.ZipFile(tmp_path / "usual.xlsx") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def saved(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def moved(parts: dict[str, bytes], old: str, new: str, relations: str, target: str) -> dict[str, bytes]:
    """The parts with one of them at another place, and the relation to it."""
    parts = {new if name == old else name: content for name, content in parts.items()}
    spelt = re.compile(rb'Target="[^"]*%s"' % re.escape(old.rpartition("/")[2].encode()))
    parts[relations] = spelt.sub(b'Target="%s"' % target.encode(), parts[relations])
    return parts


def assert_read(path: Path) -> None:
    """All that is in the workbook is seen: as when it is where it usually is."""
    assert refusal(path).params["rows"] == "5"
    table, read = rows_of(path, hidden="skip")
    assert [row.cells for row in read] == [
        ("INV-1", "Zoé", "Doe", "j@example.com", "5"),
        ("INV-2", "Zoé", "Doe", "j@example.com", "0.25"),
        ("INV-3", "Zoé", "Doe", "j@example.com", "#N/A"),
    ]
    assert read[2].kinds[4] == "e"
    column = table.columns[4]
    assert "0%" in {column.number_format, *column.other_formats}
    assert "sheets-not-read" in codes(table)


RELATIONS = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OF_BOOK = "xl/_rels/workbook.xml.rels"
PLACES = {
    "usual": lambda parts: parts,
    "strings": lambda parts: moved(parts, "xl/sharedStrings.xml", "xl/texts.xml", OF_BOOK, "texts.xml"),
    "styles": lambda parts: moved(parts, "xl/styles.xml", "look/s.xml", OF_BOOK, "/look/s.xml"),
    "sheet": lambda parts: moved(parts, "xl/worksheets/sheet1.xml", "xl/one.xml", OF_BOOK, "./one.xml"),
    "sheet above": lambda parts: moved(parts, "xl/worksheets/sheet1.xml", "one.xml", OF_BOOK, "../one.xml"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_parts_at_other_places_are_found_by_their_relations(
    tmp_path: Path, parts: dict[str, bytes], place: Callable[..., Any]
) -> None:
    """Only the relations of the package say where a part is."""
    assert_read(saved(tmp_path / "b.xlsx", place(parts)))


@pytest.mark.parametrize("new", ["xl/book.xml", "xl/Arbeitsmappe.xml", "data/xl.xml", "book.xml", "xl/workbook2.xml"])
def test_a_workbook_at_another_place_is_read(tmp_path: Path, parts: dict[str, bytes], new: str) -> None:
    """With its relations beside it, and all its parts by paths from there."""
    folder, _, name = new.rpartition("/")
    beside = f"{folder}/_rels/{name}.rels".lstrip("/")
    parts = moved(parts, "xl/workbook.xml", new, "_rels/.rels", new)
    relations = re.sub(rb'Target="(?!/)', b'Target="/xl/', parts.pop(OF_BOOK))
    types = parts["[Content_Types].xml"].replace(b"/xl/workbook.xml", f"/{new}".encode())
    assert_read(saved(tmp_path / "b.xlsx", parts | {beside: relations, "[Content_Types].xml": types}))


def test_backslashes_in_names_are_read(tmp_path: Path, parts: dict[str, bytes]) -> None:
    """As some programs of Windows write them."""
    assert_read(saved(tmp_path / "b.xlsx", {name.replace("/", "\\"): part for name, part in parts.items()}))
    assert len(rows_of(CASES / "backslashes.xlsx")[1]) == 3


@pytest.mark.parametrize("kind", ["xlMacrosheet", "xlIntlMacrosheet"])
@pytest.mark.parametrize("first", [True, False])
def test_a_macro_sheet_beside_a_good_one_is_passed_over(
    tmp_path: Path, parts: dict[str, bytes], kind: str, first: bool
) -> None:
    """Wherever it stands in the list."""
    parts["xl/macrosheets/sheet1.xml"] = (
        b'<xm:macrosheet xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"/>'
    )
    link = '<Relationship Id="rId99" Type="http://schemas.microsoft.com/office/2006/relationships/%s" Target="%s"/>'
    link %= (kind, "macrosheets/sheet1.xml")
    parts[OF_BOOK] = parts[OF_BOOK].replace(b"</Relationships>", link.encode() + b"</Relationships>")
    entry = b'<sheet xmlns:q="%s" name="M" sheetId="9" q:id="rId99"/>' % RELATIONS
    book = parts["xl/workbook.xml"]
    parts["xl/workbook.xml"] = (
        book.replace(b"<sheets>", b"<sheets>" + entry) if first else book.replace(b"</sheets>", entry + b"</sheets>")
    )
    assert_read(saved(tmp_path / "b.xlsm", parts))
    assert len(rows_of(CASES / "macro-sheet.xlsm")[1]) == 2
    assert len(rows_of(CASES / "workbook-elsewhere.xlsx")[1]) == 5


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/styles.xml", "_rels/.rels", OF_BOOK, "xl/worksheets/sheet1.xml"]
)
@pytest.mark.parametrize("encoding", ["utf-42", "x-user-defined", "utf-16"])
def test_a_part_in_an_encoding_that_is_not_known_is_a_refusal(
    tmp_path: Path, parts: dict[str, bytes], part: str, encoding: str
) -> None:
    """Where what is in it can't be seen; the sheet itself may be read when its bytes are."""
    declared = f"<?xml version='1.0' encoding='{encoding}'?>".encode()
    parts[part] = declared + re.sub(rb"<\?xml.*?\?>", b"", parts[part], flags=re.DOTALL)
    path = saved(tmp_path / "b.xlsx", parts)
    assert refusal(path).text in {
        (
            "The program can't find out which rows of this {format} workbook are hidden or "
            "filtered out: its structure is damaged or unusual. Save it as .xlsx and use "
            "that, or bill all its rows with --hidden include."
        ),
        ("{path} is damaged. Open it in your spreadsheet program and save it again, or export it again."),
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
    }
    assert refusal(CASES / "unknown-encoding.xlsx").text == (
        "The program can't find out which rows of this {format} workbook are hidden or "
        "filtered out: its structure is damaged or unusual. Save it as .xlsx and use "
        "that, or bill all its rows with --hidden include."
    )


@pytest.mark.parametrize("number", ["abc", "", "-1", "1.5", "99999999999999999999", "\u0663"])
def test_a_number_format_whose_id_is_no_number_is_passed_over(
    tmp_path: Path, parts: dict[str, bytes], number: str
) -> None:
    """That format is not known; the others are."""
    look = f'<numFmts count="1"><numFmt numFmtId="{number}" formatCode="0.0"/></numFmts>'
    parts["xl/styles.xml"] = re.sub(rb"<numFmts[^>]*?/>", look.encode(), parts["xl/styles.xml"])
    assert look.encode() in parts["xl/styles.xml"]
    assert_read(saved(tmp_path / "b.xlsx", parts))


@pytest.mark.parametrize("space", [" ", "\n", "\r\n\t   "])
def test_an_ods_with_spaces_between_its_tags_is_read(tmp_path: Path, space: str) -> None:
    """As a program writes it that makes XML for people; spaces within a text stay."""
    path = write_ods(tmp_path / "usual.ods", Sheet([HEAD, ROW, ["INV 2", *ROW[1:4], (0.25, "0%")]], hidden=[2]))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["content.xml"] = re.sub(rb"(?=</?(?:table|office):)", space.encode(), members["content.xml"])
    pretty = saved(tmp_path / "b.ods", members)
    assert refusal(pretty).params["rows"] == "2"
    _, read = rows_of(pretty, hidden="include")
    assert [row.cells for row in read] == [("INV-1", *ROW[1:4], "5"), ("INV 2", *ROW[1:4], "0.25")]
    assert len(rows_of(CASES / "pretty-printed.ods")[1]) == 2


@pytest.mark.parametrize(("version", "usual"), [(0x0600, "Workbook"), (0x0500, "Book")])
def test_the_stream_of_an_xls_may_be_called_in_capitals(tmp_path: Path, version: int, usual: str) -> None:
    """Names in such a container are the same in any case ([MS-CFB] 2.6.4)."""
    sheet = Sheet([HEAD, [*ROW[:4], (0.25, "0%")], ROW], hidden=[3])
    path = write_xls(tmp_path / "usual.xls", sheet, version=version)
    names = (usual.encode("utf-16-le"), usual.upper().encode("utf-16-le"))
    (tmp_path / "b.xls").write_bytes(path.read_bytes().replace(*names))
    assert refusal(tmp_path / "b.xls").params["rows"] == "3"
    assert len(rows_of(tmp_path / "b.xls", hidden="include")[1]) == 2
    assert len(rows_of(CASES / "stream-in-capitals.xls")[1]) == 2


@pytest.mark.parametrize(("version", "name"), [(0x0600, "Workbook"), (0x0500, "Book")])
def test_a_locked_xls_says_so(tmp_path: Path, version: int, name: str) -> None:
    """Behind the record that says so all is in cipher: it is not damaged."""
    stream = struct.pack("<HHHHHHII", 0x0809, 16, version, 5, 0, 1997, 0, 6)
    stream += struct.pack("<HHHHH", 0x002F, 6, 0, 1, 2) + b"\xa5" * 4000
    (tmp_path / "b.xls").write_bytes(contained(name, stream))
    assert (
        refusal(tmp_path / "b.xls").text == "{path} is password-protected. Save a copy without a password and use that."
    )


@pytest.mark.parametrize("head", ["0900040002001000", "0902060000001000", "0904060000001000"])
def test_excel_2_to_4_is_named(tmp_path: Path, head: str) -> None:
    """Their workbooks have no container, and nothing that reads them today."""
    (tmp_path / "b.xls").write_bytes(bytes.fromhex(head) + bytes(200))
    assert refusal(tmp_path / "b.xls").text == (
        "{path} is a workbook of Excel 2, 3 or 4. Open it in a spreadsheet program and save it as .xlsx."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("~$billing.xlsx", b"\x08Jane Doe" + b" " * 46 + b"\x08\0J\0a\0n\0e\0 \0D\0o\0e\0" + b" \0" * 46),
        (".~lock.billing.xlsx#", b",jane,host,28.11.2026 21:00,file:///home/jane;"),
    ],
)
def test_the_file_that_says_who_has_a_workbook_open_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """It stands beside the workbook, and has nearly its name."""
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name).text == (
        "{path} is not a sheet: it only shows who has the workbook open. Choose the workbook itself."
    )


def test_a_row_without_an_end_is_not_held_in_memory(tmp_path: Path, parts: dict[str, bytes]) -> None:
    """Some megabytes unpack to hundreds of them."""
    sheet = parts["xl/worksheets/sheet1.xml"].replace(b"</row>", b"", 1)
    many = b'<c r="A9" t="n"><v>1</v></c>' * 50_000
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            if name != "xl/worksheets/sheet1.xml":
                archive.writestr(name, content)
        with archive.open("xl/worksheets/sheet1.xml", "w") as member:
            member.write(sheet.partition(b"</row>")[0])
            for _ in range(100):
                member.write(many)
    tracemalloc.start()
    try:
        assert isinstance(refusal(tmp_path / "b.xlsx"), InputError)
        assert tracemalloc.get_traced_memory()[1] < 400_000_000
    finally:
        tracemalloc.stop()
