"""Text files as finance teams have them: encodings, delimiters, quotes, and damage."""

import csv
import io
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.privileges import as_nobody

from pipeline.domain.errors import InputError
from pipeline.domain.model import SheetRow
from pipeline.messages import explain
from pipeline.reader import ReadOptions, open_table, sha256_of
from pipeline.reader.table import Table
from schemas.faults import sentences

HEAD = "Invoice #,First name,Last name,Email,Amount\n"


def read(tmp_path: Path, content: bytes | str, name: str = "sheet.csv", **options: Any) -> tuple[Table, list[SheetRow]]:
    """The table of a file with this content, and all its rows."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = open_table(path, ReadOptions(**options))
    return table, [row for chunk in table.chunks() for row in chunk]


def refusal(tmp_path: Path, content: bytes | str, name: str = "sheet.csv", **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content, name, **options)
    assert explain(caught.value, "en") != explain(caught.value, "fr")
    return caught.value


FRENCH = (
    "Facture;Prénom;Nom;Courriel;Montant\r\n"
    "1;Hélène;Côté;h@example.com;1\xa0234,50\r\n"
    "2;Loïc;D\u2019Août;l@example.com;9\r\n"
)


@pytest.mark.parametrize(
    ("codec", "guessed"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
        ("mac_roman", "Mac Roman"),
    ],
)
def test_the_encoding_is_told_and_a_guess_is_said(tmp_path: Path, codec: str, guessed: str | None) -> None:
    """Every encoding of an office gives the same letters; what is not marked or UTF-8 gets a notice."""
    table, rows = read(tmp_path, FRENCH.encode(codec))
    assert [row.cells for row in rows] == [
        ("1", "Hélène", "Côté", "h@example.com", "1\xa0234,50"),
        ("2", "Loïc", "D\u2019Août", "l@example.com", "9"),
    ]
    assert [dict(notice.details)["encoding"] for notice in table.notices] == ([guessed] if guessed else [])


@pytest.mark.parametrize("codec", ["cp1252", "latin-1", "mac_roman", "cp850"])
@pytest.mark.parametrize("name", ["Hélène", "François", "Benoît", "ÉLISE", "Chloé"])
def test_one_accent_in_a_whole_file_is_enough(tmp_path: Path, codec: str, name: str) -> None:
    """The only accent may stand in the last row."""
    content = HEAD + "1,Jane,Doe,j@example.com,5\n" * 3000 + f"2,{name},Doe,j@example.com,5\n"
    _, rows = read(tmp_path, content.encode(codec))
    assert rows[-1].cells[1] == name


def test_one_foreign_byte_in_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    """To read the whole file as another encoding would spoil every good accent."""
    content = (HEAD + "1,Zoé,Côté,z@example.com,5\n" * 9).encode() + "2,Zoé,X,z@example.com,5\n".encode("cp1252")
    failure = refusal(tmp_path, content)
    assert (failure.text, failure.params["line"]) == (
        (
            "{path} is UTF-8 text, except line {line}, probably pasted from another file. "
            "Export the list again, or correct the accents on that line and save as UTF-8."
        ),
        11,
    )


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_file_cut_off_within_a_letter_is_refused(tmp_path: Path, codec: str) -> None:
    """Half a letter at the end means that rows are missing."""
    content = (HEAD + "1,Zoé,Côté,z@example.com,é").encode(codec)[:-1]
    assert refusal(tmp_path, content).text in {
        (
            "{path} is UTF-8 text, except line {line}, probably pasted from another file. "
            "Export the list again, or correct the accents on that line and save as UTF-8."
        ),
        ("{path} claims to be {encoding} text, but is not, or its end is missing. Export it again."),
    }


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["D\u2019Août", "C\u0153ur", "\u017deljko", "Roy \u2013 Côté", "\u201cJo\u201d"])
@pytest.mark.parametrize("rows_above", [0, 40_000])
def test_letters_of_windows_that_became_control_characters_are_read_and_said(
    tmp_path: Path, codec: str, name: str, rows_above: int
) -> None:
    """A program took Windows-1252 for ISO-8859-1 and saved UTF-8: the letters can be told, and one word shows it."""
    text = HEAD + "1,Zoé,Doe,j@example.com,5\n" * rows_above + f"2,{name},Doe,j@example.com,5\n"
    misread = "".join(char if char in "éûôùà" else char.encode("cp1252").decode("latin-1") for char in text)
    table, rows = read(tmp_path, misread.encode(codec))
    assert rows[-1].cells[1] == name
    assert [(notice.code, notice.value in name) for notice in table.notices] == [("letters-misread", True)]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("char", "\x81\x8d\x8f\x90\x9d")
def test_a_control_character_that_is_no_letter_stays(tmp_path: Path, codec: str, char: str) -> None:
    """Nothing says what it was meant to be."""
    table, rows = read(tmp_path, f"{HEAD}1,A{char}B,Doe,j@example.com,5\n".encode(codec))
    assert (rows[0].cells[1], [notice.code for notice in table.notices][1:]) == (f"A{char}B", [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_told(tmp_path: Path, delimiter: str, end: str) -> None:
    """The last line needs no end, and a delimiter may stand in quotes."""
    lines = ["Ref,First name,Last name,Email,Amount", "1,Jane,Doe,j@example.com,5", '2,"J,J",Doe,j@example.com,5']
    content = end.join(lines).replace('"J,J"', "\0").replace(",", delimiter).replace("\0", f'"J{delimiter}J"')
    _, rows = read(tmp_path, content)
    assert [(row.number, row.cells[1]) for row in rows] == [(2, "Jane"), (3, f"J{delimiter}J")]


def test_a_decimal_comma_does_not_pass_for_the_delimiter(tmp_path: Path) -> None:
    """The delimiter is the sign that brings out the headings."""
    _, rows = read(tmp_path, FRENCH)
    assert rows[0].cells[4] == "1\xa0234,50"


@pytest.mark.parametrize("line", ["sep=^\n", "sep=^\r\n", '"sep=^"\n', "SEP=^\n"])
def test_a_separator_line_names_any_delimiter_and_is_no_row(tmp_path: Path, line: str) -> None:
    """Excel does not count that line either."""
    table, rows = read(tmp_path, line + (HEAD + "1,Jane,Doe,j@example.com,5\n").replace(",", "^"))
    assert (table.heading_row, rows[0].number, rows[0].cells[1]) == (1, 2, "Jane")


def test_row_numbers_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    """Titles and blank lines count, a cell over several lines is in one row; a title may hold a quotation mark."""
    content = 'Acme 5" pipes\n\n' + HEAD + '1,Jane,"a\nb",j@example.com,5\n\n,,,,\n2,Joe,Doe,k@example.com,6'
    table, rows = read(tmp_path, content)
    assert (table.heading_row, [row.number for row in rows]) == (3, [4, 7])
    assert rows[0].cells[2] == "a\nb"


@pytest.mark.parametrize(
    "value", ["Null", "NA", "True", "Nan", "1E5", "007", " x ", '5"', "=1+1", "-", "\xa0x", "O'Hara"]
)
def test_texts_stay_as_they_are(tmp_path: Path, value: str) -> None:
    """Nothing becomes a missing value, a number or a trimmed text."""
    _, rows = read(tmp_path, HEAD + f"1,{value},Doe,j@example.com,5\n")
    assert (rows[0].cells[1], rows[0].kinds) == (value, "sssss")


def test_a_row_with_too_many_cells_is_its_own_fault(tmp_path: Path) -> None:
    """The rest is shown, and no neighbour is shifted."""
    _, rows = read(tmp_path, HEAD + "1,A,B,a@example.com,12,50\n2,C,D,c@example.com,5\n")
    assert [[fault.code for fault in row.faults] for row in rows] == [["too-many-cells"], []]
    assert "50" in sentences(rows[0].faults)


GOOD_ROW = "{},A,B,a@example.com,5,x"
COUNTS = {
    "one blank cell too many": ([GOOD_ROW, GOOD_ROW + ",", GOOD_ROW], [2]),
    "one cell too few": ([GOOD_ROW, GOOD_ROW, "{},A,B,a@example.com,5"], [3]),
    "too few and nothing else": (["{},A,B,a@example.com,5"], [1]),
    "a decimal comma where the others leave out a blank cell": (
        ["{},A,B,a@example.com,8,50", "{},A,B,a@example.com,5", "{},A,B,a@example.com,5"],
        [1],
    ),
    "decimal commas in every row": (["{},A,B,a@example.com,125,00,", "{},A,B,a@example.com,845,50,"], [1, 2]),
    "a decimal comma in the only row": (["{},A,B,a@example.com,845,50,"], [1]),
    "decimal commas in some rows": ([GOOD_ROW, "{},A,B,a@example.com,99,", "{},A,B,a@example.com,845,50,"], [3]),
    "a separator behind every row": ([GOOD_ROW + ",", GOOD_ROW + ","], []),
    "a separator behind every row but one": ([GOOD_ROW + ",", GOOD_ROW + ",", GOOD_ROW], [3]),
    "blank cells at the end are left out": (
        [GOOD_ROW, "{},A,B,a@example.com,5", "{},A,B,a@example.com,6", "{},A,B,a@example.com,7"],
        [],
    ),
    "a note and a total line below": ([GOOD_ROW, GOOD_ROW, "Total,,,,10", "Thank you for paying"], [3, 4]),
}


@pytest.mark.parametrize(("lines", "wrong"), COUNTS.values(), ids=COUNTS)
def test_a_row_with_another_number_of_cells_is_at_fault(tmp_path: Path, lines: list[str], wrong: list[int]) -> None:
    """A separator too many or too few is seen by what the other rows have, also when what is too much is blank."""
    text = "".join(line.format(number) + "\n" for number, line in enumerate(lines, 1))
    _, rows = read(tmp_path, HEAD.replace("Amount", "Amount,Notes") + text)
    found = [row.number - 1 for row in rows if {fault.code for fault in row.faults} & {"cell-count", "too-many-cells"}]
    assert found == wrong
    assert all(len(row.cells) == 6 for row in rows)


@pytest.mark.parametrize(
    ("ends", "wrong"), [((",", ",", ","), []), ((",", ",", ""), [4]), ((",50", ",00", ",25"), [2, 3, 4])]
)
def test_rows_without_any_address_are_counted_too(tmp_path: Path, ends: tuple[str, str, str], wrong: list[int]) -> None:
    """A separator behind every row is a habit, cents behind a comma are a fault, also where no row has an address."""
    _, rows = read(tmp_path, HEAD + "".join(f"{number},A,B,,12{end}\n" for number, end in enumerate(ends, 1)))
    assert [row.number for row in rows if row.faults] == wrong


@pytest.mark.parametrize(
    ("bad", "after"),
    [
        ('1,"A,B,a@example.com,5\n', 2),
        ('1,"A" x,B,a@example.com,5\n', 2),
        ('1,A,B,a@example.com,"5\n', 2),
    ],
)
def test_a_quotation_mark_never_closed_swallows_no_other_row(tmp_path: Path, bad: str, after: int) -> None:
    """The row that it stands in has the fault, and the rows below are read."""
    good = '2,C,"D ""x""",c@example.com,5\n3,E,F,e@example.com,5\n'
    _, rows = read(tmp_path, HEAD + bad + good)
    assert [row.faults[0].code for row in rows if row.faults] == ["broken-quote"]
    assert [row.number for row in rows] == [2, 3, 4]
    assert [row.cells[0] for row in rows[1:]] == ["2", "3"]
    assert rows[1].cells[2] == 'D "x"'
    assert len(rows) == after + 1


def test_an_open_quotation_mark_does_not_draw_in_a_long_file(tmp_path: Path) -> None:
    """The end of the file is not searched for it."""
    rows = "".join(f"{n},A,B,a@example.com,5\n" for n in range(2, 5000))
    _, read_rows = read(tmp_path, HEAD + '1,"A,B,a@example.com,5\n' + rows)
    assert len(read_rows) == 4999
    assert [row.number for row in read_rows if row.faults] == [2]


def test_a_quotation_mark_closed_a_row_too_late_is_suspected(tmp_path: Path) -> None:
    """A short row with a line break inside may have drawn in the next row: it is named, not sent."""
    _, rows = read(tmp_path, HEAD + '1,A,"B,a@example.com,5\n2,C,D",c@example.com\n3,E,F,e@example.com,5\n')
    assert [[fault.code for fault in row.faults] for row in rows] == [["quote-over-lines"], []]


@pytest.mark.parametrize("closed", ['pipe 5"', '"'])
def test_rows_within_a_cell_are_seen_whatever_its_row_looks_like(tmp_path: Path, closed: str) -> None:
    """A quotation mark that is closed at the end of a later row leaves the right number of cells, and hides rows."""
    lines = ['1,A,B,a@example.com,5,"x', "2,C,D,c@example.com,5,", f"3,E,F,e@example.com,5,{closed}"]
    _, rows = read(tmp_path, HEAD.replace("Amount", "Amount,Notes") + "\n".join(lines) + "\n4,G,H,g@example.com,5,\n")
    assert [fault.code for fault in rows[0].faults] == ["row-within-cell"]
    assert rows[-1].faults == ()


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ('1,"Roy, Amy","A "b" c",a@example.com,"1,250.00"', ("1", "Roy, Amy", 'A "b" c', "a@example.com", "1,250.00")),
        ('2,"x,B,b@example.com,5', ("2", '"x', "B", "b@example.com", "5")),
        ('3,""Roy, Amy",B,b@example.com,5', ("3", '"Roy, Amy', "B", "b@example.com", "5")),
        ('4,"Pipe, 5"","B",b@example.com,5', ("4", 'Pipe, 5"', "B", "b@example.com", "5")),
        ('5,"A,B,"b@example.com","1,250.00"', ("5", '"A', "B", "b@example.com", "1,250.00")),
        ('6,"A ""b"" c" d, e","B",b@example.com,5', ("6", 'A "b" c" d, e', "B", "b@example.com", "5")),
    ],
)
def test_a_row_with_a_stray_quote_shows_its_cells_as_a_reader_would_cut_them(
    tmp_path: Path, row: str, cells: tuple[str, str, str, str, str]
) -> None:
    """Cells in good quotation marks keep their separators; what is out of place is a letter like others."""
    _, rows = read(tmp_path, f"{HEAD}{row}\n9,C,D,d@example.com,5\n")
    assert [row.cells for row in rows] == [cells, ("9", "C", "D", "d@example.com", "5")]
    assert [[fault.code for fault in row.faults] for row in rows] == [["broken-quote"], []]


def test_a_row_with_a_stray_quote_does_not_tell_how_the_others_are_quoted(tmp_path: Path) -> None:
    """A blank before its mark is no habit of the file: blanks at the beginning of other cells stay."""
    _, rows = read(tmp_path, HEAD + '1," "A",B,a@example.com,5\n2, C,D,d@example.com,5\n')
    assert [row.cells[1] for row in rows] == [' "A', " C"]


plain = st.text(st.sampled_from("abZ é.;'"), min_size=1, max_size=6)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.lists(plain, min_size=1, max_size=3).map(", ".join), min_size=5, max_size=5),
    at=st.integers(0, 4),
    place=st.integers(0, 20),
)
def test_one_mark_too_many_leaves_every_cell_what_it_was(tmp_path: Path, cells: list[str], at: int, place: int) -> None:
    """Wherever it stands within a cell in quotation marks: that cell has it as a letter, and the row is at fault."""
    text = cells[at]
    place %= len(text)
    if "," in (text[place], text[place - 1 : place]):
        return  # beside a separator it could just as well end a cell
    spoilt = [*cells[:at], f'{text[:place]}"{text[place:]}', *cells[at + 1 :]]
    line = ",".join(f'"{cell}"' for cell in spoilt)
    _, rows = read(tmp_path, f"{HEAD}{line}\n9,C,D,d@example.com,5\n")
    assert [row.cells for row in rows] == [tuple(spoilt), ("9", "C", "D", "d@example.com", "5")]
    assert [[fault.code for fault in row.faults] for row in rows] == [["broken-quote"], []]


SPACED = 'Ref, "First name", "Last name", "Email", Amount\n1, "Jo, Ann", "O""Roy", j@example.com, 5\n'
APOSTROPHES = "Ref,'First name','Last name','Email',Amount\n1,'Jo, Ann','O\"Roy','j@example.com',5\n"


@pytest.mark.parametrize(
    "text",
    [
        SPACED,
        SPACED.replace(", ", ",   ").replace("Jo,   Ann", "Jo, Ann"),
        SPACED.replace("Ann", "\0").replace(", ", ";\t").replace("Jo;\t\0", "Jo, Ann").replace(";\t", "; "),
        SPACED.replace('"First name", "Last name", "Email"', "First name, Last name, Email"),
        APOSTROPHES,
        APOSTROPHES.replace("Ref", "'Ref'").replace("Amount", "'Amount'").replace("1,", "'1',").replace(",5", ",'5'"),
        APOSTROPHES.replace("'First name','Last name','Email'", "First name,Last name,Email"),
        APOSTROPHES.replace(",", ", ").replace("Jo,  Ann", "Jo, Ann"),
    ],
)
def test_quotes_behind_blanks_and_apostrophes_are_quotes(tmp_path: Path, text: str) -> None:
    """`1, "Roy"` and `'1','Roy'` are quoted too: the marks are no part of the name."""
    _, rows = read(tmp_path, text)
    assert [cell.strip() for cell in rows[0].cells] == ["1", "Jo, Ann", 'O"Roy', "j@example.com", "5"]
    assert rows[0].faults == ()


def test_an_apostrophe_within_a_name_quotes_nothing(tmp_path: Path) -> None:
    """Names have apostrophes, also at their ends, and identifiers one in front."""
    _, rows = read(tmp_path, HEAD + "'001,D'Arcy,O'Hara,j@example.com,5\n'002,Jo,Roy',j@example.com,5\n")
    assert [row.cells[:3] for row in rows] == [("'001", "D'Arcy", "O'Hara"), ("'002", "Jo", "Roy'")]


@pytest.mark.parametrize("cell", ["''", "'x'"])
def test_one_cell_between_apostrophes_is_no_habit(tmp_path: Path, cell: str) -> None:
    """In a sheet of one row nothing else says that they are quotes."""
    _, rows = read(tmp_path, f"{HEAD}1,Jo,{cell},j@example.com,5\n")
    assert rows[0].cells[2] == cell


@pytest.mark.parametrize("end", ["\x1a", "\x1a\x1a\x1a", "\r\n\x1a", "\r\n\x1a\r\n", ""])
@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "utf-16"])
def test_an_end_mark_is_the_end_of_the_file(tmp_path: Path, end: str, codec: str) -> None:
    """DOS's Ctrl-Z is no cell, wherever the last line ends."""
    _, rows = read(tmp_path, (HEAD + "1,Zoé,Doe,j@example.com,5" + end).encode(codec))
    assert [(row.number, row.cells[4].strip(), row.faults) for row in rows if "".join(row.cells).strip()] == [
        (2, "5", ())
    ]


def test_tables_with_a_title_line_as_old_numbers_wrote_them(tmp_path: Path) -> None:
    """Numbers of 2009 puts the table's name above, in Mac Roman with the line ends of a Mac."""
    text = "Table 1\r" + HEAD.replace("\n", "\r") + "1,Hélène,Côté,h@example.com,5\r\r"
    table, rows = read(tmp_path, text.encode("mac_roman"))
    assert (table.heading_row, [row.cells[1] for row in rows]) == (2, ["Hélène"])


def test_a_nul_byte_is_a_fault_of_its_row(tmp_path: Path) -> None:
    """It is neither removed nor does it end the row."""
    _, rows = read(tmp_path, HEAD + "1,A\0B,C,a@example.com,5\n2,D,E,d@example.com,5\n")
    assert [[fault.code for fault in row.faults] for row in rows] == [["nul-byte"], []]
    assert rows[0].cells[1] == "A\0B"


def test_a_cell_of_many_thousand_letters_is_a_fault_of_its_row(tmp_path: Path) -> None:
    """No limit of a library ends the run."""
    _, rows = read(tmp_path, HEAD + f"1,{'x' * 200_000},C,a@example.com,5\n2,D,E,d@example.com,5\n")
    assert [[fault.code for fault in row.faults] for row in rows] == [["cell-too-long"], []]


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """Two megabytes in one line are no table, and are not held in memory."""
    failure = refusal(tmp_path, HEAD + "x" * 2_000_000)
    assert failure.text == (
        "A line of the file has more than {limit} characters: it is not a table. Export it again as .csv or .xlsx."
    )
    assert "1,048,576 characters" in explain(failure, "en")
    assert "1\u00a0048\u00a0576 caractères" in explain(failure, "fr")


def test_repeated_headings_are_left_out_and_said(tmp_path: Path) -> None:
    """Exports with page breaks repeat the headings; the notice is known after one pass."""
    table, rows = read(tmp_path, HEAD + "1,A,B,a@example.com,5\n" + HEAD + "2,C,D,c@example.com,5\n")
    assert [row.number for row in rows] == [2, 4]
    assert [dict(notice.details)["rows"] for notice in table.notices] == ["3"]


def test_rows_can_be_read_twice(tmp_path: Path) -> None:
    """Two passes give the same rows, in chunks of the size asked for."""
    table, rows = read(tmp_path, HEAD + "1,A,B,a@example.com,5\n" * 7)
    chunks = list(table.chunks(3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert [row for chunk in chunks for row in chunk] == rows


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Ten thousand rows and a hundred thousand need the same."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.csv"
        path.write_text(HEAD + "1,Jane,Doe,jane@example.com,12.50\n" * count)
        tracemalloc.start()
        for chunk in open_table(path, ReadOptions()).chunks(1000):
            assert chunk
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(1000)
    assert peak(100_000) < peak(30_000) * 1.3


def test_leading_and_trailing_blank_columns_are_left_out(tmp_path: Path) -> None:
    """The index counts what is left, the letter is the spreadsheet's."""
    table, rows = read(tmp_path, "".join(f",,{line},,\n" for line in (HEAD + "1,A,B,a@example.com,5").split("\n")))
    assert [table.letter(column) for column in table.columns] == list("CDEFG")
    assert rows[0].cells == ("1", "A", "B", "a@example.com", "5")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "{path} is empty. Export the sheet again."),
        (b"\xef\xbb\xbf\r\n \n", "{path} is empty. Export the sheet again."),
        (b"%PDF-1.7 x", "{path} is a PDF, not a sheet. Export the list as .xlsx or .csv."),
        (b"\x89PNG\r\n\x1a\n", "{path} is a picture, not a sheet. Export the list as .xlsx or .csv."),
        (b"MZ\x90\x00\x03", "{path} is a program, not a sheet. Export the list as .xlsx or .csv."),
        (b"\x7fELF\x02", "{path} is a program, not a sheet. Export the list as .xlsx or .csv."),
        (b"\x1f\x8b\x08\x00", "{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside."),
        (b'<?xml version="1.0"?><x/>', "{path} contains XML or JSON, not a table. Export the list as .xlsx or .csv."),
        (
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
            ("{path} is an XML spreadsheet of 2003. Open it in a spreadsheet program and save it as .xlsx."),
        ),
        (
            b"<html><body>Please sign in</body></html>",
            "{path} is a web page without a table. Export the list as .xlsx or .csv.",
        ),
        (
            b"1,2,3\n4,5,6\n",
            (
                "There is no row of headings: row {row} seems to belong to the list. Required: "
                "{needed}. Add a row of headings above the list, or map the columns with "
                "--mapping."
            ),
        ),
        (
            b"Jane,Doe,j@example.com,5\n",
            (
                "The list has no headings: row {row} already contains dates, amounts or "
                "addresses. Add a row above it that names each column. Required: {needed}."
            ),
        ),
        (
            b"Frist name,Last nme,Emial,Ammount\n1,2,3,4\n",
            (
                "There is no row of headings. Required: {needed}. Row {row} has: {found}. Did "
                "you mean {near}? Correct the headings, or map the columns with --mapping."
            ),
        ),
    ],
)
def test_what_is_no_sheet_gets_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """The content decides, never the name; both languages have the sentence."""
    assert refusal(tmp_path, content, "list.xlsx").text == sentence


@pytest.mark.parametrize(
    "text",
    [
        "Jane,Doe,jane@example.com,514-555-0100\n",
        "11/30/2026,PAYMENT - JANE DOE,,125.40,1032.11\n11/29/2026,JOE ROY,80.00,,906.71\n",
        "2026-11-30;Virement Interac Jane Doe;125,40;\n",
        '"1234567","Jane Doe","Chequing",125.40\n',
        "Jane,Doe\nJoe,Roy\n",
        "Jane Doe\nJoe Roy\n",
    ],
)
def test_a_failure_never_shows_what_may_be_personal(tmp_path: Path, text: str) -> None:
    """A file without headings, such as a bank's, has people in its first row: it says what it is, and quotes nobody."""
    told = explain(refusal(tmp_path, text))
    assert not any(word.casefold() in told.casefold() for word in ("Jane", "Doe", "Joe", "example.com", "555", "125"))
    assert "row 1" in told.casefold()


def test_headings_in_other_words_are_shown(tmp_path: Path) -> None:
    """Words above data are headings, and help to see what is missing."""
    told = explain(refusal(tmp_path, "Kunde,Betrag\nJane Doe,125.40\n"))
    assert "Kunde, Betrag" in told
    assert "Jane" not in told


@pytest.mark.parametrize(
    ("above", "headings", "row"),
    [
        ("", "Kunde,Betrag 2026,Art", "Doe,125.40,x"),
        ("Acme\n\nNovember,2026,\n", "Kunde,Betrag,Art", "Doe,125.40,x"),
        ("Acme, Toronto, November, 2026\n", "Kunde,Betrag,Art", "Doe,125.40,x"),
        ("Acme,,\n" * 12, "Kunde,Betrag,Art", "Doe,125,x"),
        ("", "Kunde,Betrag", "1,Doe,125"),
        ("", "Kunde,Art,Ort,Betrag", "x,x,x,12"),
    ],
)
def test_a_refusal_points_at_the_row_of_headings(tmp_path: Path, above: str, headings: str, row: str) -> None:
    """It has words where the others have values, and is no title, whatever stands above it."""
    failure = refusal(tmp_path, f"{above}{headings}\n" + f"{row}\n" * 20)
    assert failure.params["row"] == above.count("\n") + 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: None, "There is no file {path}. Check its name and folder."),
        (lambda p: p.mkdir(), "{path} is a folder. Choose a sheet in it."),
    ],
)
def test_a_path_without_a_file_gets_one_sentence(tmp_path: Path, make: Callable[..., Any], sentence: str) -> None:
    """A missing file and a folder are told apart."""
    make(tmp_path / "x.csv")
    with pytest.raises(InputError) as caught:
        open_table(tmp_path / "x.csv", ReadOptions())
    assert caught.value.text == sentence


def test_headings_over_two_rows_are_explained(tmp_path: Path) -> None:
    """ "First" above "name" is no heading by itself; the pairs are named."""
    failure = refusal(tmp_path, "Payor,Payor,,Total\nFirst name,Family name,Email,due\nA,B,a@example.com,5\n")
    assert failure.text == (
        "The headings are in two rows ({rows}): {pairs}. Put all headings in one row, directly above the list."
    )
    assert "Total due" in explain(failure)


PAGE = """<html><head><title>Export</title><style>td {x}</style></head><body><table border=1>
<tr><td colspan=5>Invoices &amp; more</td></tr>
<tr><th>Invoice #<th>First name<th>Last name<th>Email<th>Amount
<tr><td>007<td>Zo&eacute;</td><td rowspan=2>C&ocirc;t&eacute;
  Roy</td><td><a href="http://example.com">z@example.com</a></td><td>1&nbsp;234,50</td></tr>
<tr><td>008</td><td>A<br>B</td><td>b@example.com</td><td>5</td></tr>"""


def test_a_web_page_called_xls_gives_its_table(tmp_path: Path) -> None:
    """Tags left open, spans, entities and links are read as a browser shows them, and nothing is followed."""
    table, rows = read(tmp_path, PAGE, "export.xls")
    assert [row.cells for row in rows] == [
        ("007", "Zoé", "Côté Roy", "z@example.com", "1\xa0234,50"),
        ("008", "A\nB", "Côté Roy", "b@example.com", "5"),
    ]
    assert [row.number for row in rows] == [3, 4]
    assert [notice.code for notice in table.notices] == ["page-read-as-sheet", "merged-cells"]


def test_digits_of_another_look_on_a_web_page_are_of_another_number(tmp_path: Path) -> None:
    """Raised cents, marks of footnotes, an amount struck through: 90<sup>50</sup> is not 9,050 dollars."""
    cells = [
        "90<sup>50</sup>",
        "85<sup>1</sup>.00",
        "7<sub>2</sub>",
        "N<sup>o</sup> 7",
        "<sup>1</sup>",
        "<s>20</s> 100",
    ]
    headings = ["Invoice #", "First name", "Last name", "E-mail", "Amount", "Note"]
    page = "".join(f"<tr><td>{'<td>'.join(row)}</tr>" for row in (headings, cells))
    _, rows = read(tmp_path, f"<table>{page}</table>", "export.xls")
    assert [row.cells for row in rows] == [("90^50", "85^1.00", "7^2", "No 7", "1", "20^ 100")]


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    """The source carries the file's SHA-256."""
    table, _ = read(tmp_path, HEAD + "1,A,B,a@example.com,5\n")
    assert table.source.sha256 == sha256_of(tmp_path / "sheet.csv")
    assert table.source.name == "sheet.csv"


# Letters that every encoding under test has; a quotation mark, delimiters and line breaks among them.
ALPHABET = "abcXYZ019 ,;|\t\"'\n\r.-@éèçàÉ"
cell = st.text(st.sampled_from(ALPHABET), max_size=12)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(cell, min_size=5, max_size=5), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_written_as_csv_reads_back_the_same(
    tmp_path: Path, rows: list[list[str]], delimiter: str, codec: str, end: str
) -> None:
    """Whatever the cells hold, in each delimiter and encoding: the same texts under the same row numbers."""
    # A row that names nobody may have no content, and is no row then.
    rows = [[row[0], f"x{row[1]}", *row[2:]] if "".join(row).strip() else row for row in rows]
    rows.append(["z", "x", "", "", ""])  # without apostrophes: they are quotes when all rows have them
    # The csv module leaves a lone CR unquoted when lines end in LF: then no reader can tell it from an end.
    lone = any("\r" in cell for row in rows for cell in row)
    quoting = csv.QUOTE_ALL if lone else csv.QUOTE_MINIMAL
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["Invoice #", "First name", "Last name", "Email", "Amount"], *rows])
    _, found = read(tmp_path, text.getvalue().encode(codec))
    expected = [(number, tuple(row)) for number, row in enumerate(rows, 2) if "".join(row).strip()]
    assert [(row.number, row.cells) for row in found] == expected
    assert not any(row.faults for row in found)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300))
def test_no_bytes_are_a_crash(tmp_path: Path, noise: bytes) -> None:
    """A table with any bytes behind it is read or refused in a sentence."""
    with suppress(InputError):
        table, rows = read(tmp_path, HEAD.encode() + noise)
        assert all(len(row.cells) == len(row.kinds) == len(table.columns) for row in rows)


def test_a_file_that_may_not_be_read_is_refused(open_folder: Path) -> None:
    """A file of somebody else's is refused with a sentence that says so."""
    path = open_folder / "closed.csv"
    path.write_text("Reference,First name,Last name,Email,Amount\n", "utf-8")
    path.chmod(0)
    with as_nobody(), pytest.raises(InputError) as refused:
        open_table(path, ReadOptions())
    assert "You can't read" in explain(refused.value)
