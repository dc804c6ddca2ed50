"""Sheets with one slip or some damage, in every format: `PYTHONPATH=tests python -m support.fuzz SECONDS [SEED]`.

A good sheet is made from a seed, written in some format and layout, and spoilt in one way. Then nothing but a refusal
in one sentence may be raised, and after a slip of structure no valid row may have another reference, name, address or
amount than before. What breaks a rule is kept in `out/`, with its seed.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import Workbook

from pipeline.domain.errors import InputError
from pipeline.messages import explain
from pipeline.reader import ReadOptions, open_table
from pipeline.validation import CheckOptions, check_table
from schemas.faults import sentences
from support.binary_workbooks import Sheet, write_xls, write_xlsb

OUT = Path(__file__).parents[2] / "out"
AGAIN = "PYTHONPATH=tests python -m support.fuzz"
FIRST = ("Amélie", "Noah", "Mei-Lin", "Zoé Anne", "O'Neil", "Jo", "Łukasz", "ᐊᓂ")
LAST = ("Gagnon", "Chen", "Beaulieu-Roy", "D'Août", "Total", "St. John", "Ng", "Nguyễn")
OWN = ("", "", "late", "12", "2026-11-30", "call, then write", 'a "good" one', "50 %", "yes")
say = partial(print, flush=True)
Row = tuple[str, ...]
Payment = tuple[str, str, str, str, str]


class Good(NamedTuple):
    """A sheet without faults: its headings and rows as texts, the amounts with a decimal point."""

    headings: Row
    rows: list[Row]


def good(rng: random.Random, names: int) -> Good:
    """One to eight rows under headings in either language, with columns of the user's own somewhere between.

    `names` is how many of the names are chosen from: the binary formats are written in Latin letters here.
    """
    fields = rng.choice((
        ("Invoice #", "First name", "Last name", "Email", "Amount"),
        ("Facture", "Prénom", "Nom de famille", "Courriel", "Montant"),
    ))  # fmt: skip
    order = rng.sample(range(5), 5) if rng.random() < 0.5 else list(range(5))
    own = [rng.randrange(6) for _ in range(rng.randrange(3))]

    def arranged(cells: Sequence[str], more: Sequence[str]) -> Row:
        row = [cells[at] for at in order]
        for place, text in zip(own, more, strict=True):
            row.insert(place, text)
        return tuple(row)

    rows = []
    for number in range(rng.randint(1, 8)):
        first, last = rng.choice(FIRST[:names]), rng.choice(LAST[:names])
        amount = rng.choice((f"{rng.randint(1, 2500000) / 100:.2f}", f"{rng.randint(1, 2500)}.00"))
        cells = (f"INV-{number + 1}", first, last, f"payor{number}@example.com", amount)
        rows.append(arranged(cells, [rng.choice(OWN) for _ in own]))
    return Good(arranged(fields, [f"Own {at}" for at in range(len(own))]), rows)


# ---------------------------------------------------------------------------------------------------------------
# Text files


def text(rng: random.Random, sheet: Good, path: Path) -> Iterator[bytes]:
    """The sheet as text, then the same with one slip in one of its rows."""
    delimiter, quote = rng.choice(",;\t|"), rng.choice(('"', '"', "all"))
    comma = delimiter != "," and rng.random() < 0.3
    codec, end = rng.choice(("utf-8", "utf-8-sig", "utf-16")), rng.choice(("\n", "\r\n"))

    def line(row: Row) -> str:
        cells = [cell.replace(".", ",") if comma and cell.replace(".", "").isdecimal() else cell for cell in row]
        return delimiter.join(_quoted(cell, delimiter, everywhere=quote == "all") for cell in cells)

    lines = [*["Billing"] * rng.randrange(2), *map(line, (sheet.headings, *sheet.rows))]
    yield end.join([*lines, ""]).encode(codec)
    at = rng.randrange(len(lines) - len(sheet.rows), len(lines))
    row = sheet.rows[at - len(lines)]
    lines[at] = _slip(rng, lines[at], delimiter, row)
    yield end.join([*lines, ""]).encode(codec)


def _quoted(cell: str, delimiter: str, *, everywhere: bool) -> str:
    plain = delimiter not in cell and '"' not in cell and not everywhere
    return cell if plain else '"' + cell.replace('"', '""') + '"'


def _slip(rng: random.Random, line: str, delimiter: str, row: Row) -> str:
    places = [at for at, sign in enumerate(line) if sign == delimiter]
    at = rng.choice(places)
    amount = next(cell for cell in row if cell.count(".") == 1 and cell.replace(".", "").isdecimal())
    slips = [
        line[:at] + line[at + 1 :],
        line[:at] + delimiter + line[at:],
        line + delimiter,
        line.rpartition(delimiter)[0],
        line[: (place := rng.randrange(len(line) + 1))] + '"' + line[place:],
    ]
    if delimiter == "," and f'"{amount}"' not in line:
        slips += [line.replace(amount, amount.replace(".", ",")), line.replace(amount, f"{Decimal(amount):,}")]
    return rng.choice(slips)


# ---------------------------------------------------------------------------------------------------------------
# Pages and workbooks


def page(rng: random.Random, sheet: Good, path: Path) -> Iterator[bytes]:
    """The sheet as a web page, then the same with a cell more or less in one of its rows."""
    lines = [[f"<td>{escape(cell)}</td>" for cell in row] for row in (sheet.headings, *sheet.rows)]

    def written() -> bytes:
        rows = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
        return f"<html><body><table>{rows}</table></body></html>".encode()

    yield written()
    line = lines[rng.randrange(1, len(lines))]
    at = rng.randrange(len(line))
    line[at] = rng.choice(("", line[at] * 2, f"<td></td>{line[at]}", line[at].removeprefix("<td>")))
    yield written()


def workbook(write: Callable[[Path, list[list[Any]]], None]) -> Callable[..., Iterator[bytes]]:
    """The sheet as a workbook of some format, then the same with its table elsewhere or something more around it."""

    def written(rng: random.Random, sheet: Good, path: Path) -> Iterator[bytes]:
        numbers = rng.random() < 0.7
        rows: list[list[Any]] = [
            list(sheet.headings),
            *([_cell(cell, numbers) for cell in row] for row in sheet.rows),
        ]
        write(path, rows)
        yield path.read_bytes()
        write(path, _around(rng, rows))
        yield path.read_bytes()

    return written


def _cell(text: str, numbers: bool) -> Any:
    return float(text) if numbers and text.count(".") == 1 and text.replace(".", "").isdecimal() else text or None


def _around(rng: random.Random, rows: list[list[Any]]) -> list[list[Any]]:
    """A title, blank rows and columns, the headings again, an orphan below: none of it changes a row."""
    width = len(rows[0])
    blank: list[Any] = [None] * width
    match rng.randrange(5):
        case 0:
            return [["Billing", *blank[1:]], blank, *rows]
        case 1:
            return [[*[None] * rng.randint(1, 3), *row] for row in rows]
        case 2:
            at = rng.randint(1, len(rows))
            return [*rows[:at], blank, rows[0], *rows[at:]]
        case 3:
            return [*rows, [*blank[:-1], "Thank you"]]
        case _:
            return [[*row, None, "x" if at else None] for at, row in enumerate(rows)]


def _write_xlsx(path: Path, rows: list[list[Any]]) -> None:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def _write_ods(path: Path, rows: list[list[Any]]) -> None:
    def cell(value: Any) -> str:
        if value is None:
            return "<table:table-cell/>"
        if isinstance(value, float):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p></table:table-cell>'

    lines = "".join("<table:table-row>" + "".join(map(cell, row)) + "</table:table-row>" for row in rows)
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", "<manifest/>")
        book.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="Billing">{lines}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )


FORMATS: dict[str, Callable[..., Iterator[bytes]]] = {
    "csv": text,
    "txt": text,
    "html": page,
    "xlsx": workbook(_write_xlsx),
    "xls": workbook(lambda path, rows: write_xls(path, Sheet(rows))),  # type: ignore[arg-type]
    "xlsb": workbook(lambda path, rows: write_xlsb(path, Sheet(rows))),  # type: ignore[arg-type]
    "ods": workbook(_write_ods),
}


# ---------------------------------------------------------------------------------------------------------------
# The rules


def payments(path: Path) -> set[Payment] | None:
    """Reference, names, address and amount of every valid row; None for a file that is refused in a sentence."""
    try:
        table = open_table(path, ReadOptions())
        checked = check_table(table, CheckOptions())
        rows = [row for chunk in checked.chunks() for row in chunk]
    except InputError as failure:
        explain(failure, "en")
        explain(failure, "fr")
        return None
    for row in rows:
        sentences((*row.faults, *row.notices, *table.notices, *checked.notices), "fr")
    found = [row.payment for row in rows if row.payment]
    return {(one.reference_id, one.first_name, one.last_name, one.email, str(one.amount)) for one in found}


def _damaged(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    match rng.randrange(4):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + rng.randbytes(rng.randint(1, 8)) + content[at:]
        case 2:
            return content[:at] + rng.randbytes(1) + content[at + 1 :]
        case _:
            return content[:at] + content[at + rng.randint(1, 40) :]


def once(seed: int, folder: Path) -> str:
    """One case; what is wrong with it, or empty. Whatever is raised but a refusal is wrong too."""
    rng = random.Random(seed)
    form = rng.choice(list(FORMATS))
    path = folder / f"{seed}.{form}"
    sheet = good(rng, names=6 if form in {"xls", "xlsb"} else len(FIRST))
    versions = list(FORMATS[form](rng, sheet, path))
    path.write_bytes(versions[0])
    before = payments(path)
    if before is None or len(before) != len(sheet.rows):
        return "a good sheet is not read whole"
    for spoilt in versions[1:]:
        path.write_bytes(spoilt)
        if not (payments(path) or set()) <= before:
            return "a slip gave a valid row another value"
    path.write_bytes(_damaged(rng, rng.choice(versions)))
    payments(path)
    path.unlink()
    return ""


def main(seconds: float, seed: int) -> int:
    """Case after case until the time is over; 1 when one of them breaks a rule."""
    say(f"The first seed is {seed}")
    end, first = time.monotonic() + seconds, seed
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            try:
                wrong = once(seed, Path(folder))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                wrong = f"{type(error).__name__}: {error}"
            if wrong:
                OUT.mkdir(exist_ok=True)
                for path in Path(folder).iterdir():
                    (OUT / f"fuzz-{path.name}").write_bytes(path.read_bytes())
                say(f"Seed {seed}: {wrong}. The file is out/fuzz-{seed}.*; again with: {AGAIN} 1 {seed}")
                return 1
            seed += 1
    say(f"{seed - first} sheets, and nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 10**9 * 1000))
