"""A year at an office: sheets corrected, copied, re-saved, split, merged, sorted and sent again, while months pass.

A seeded player does what people do with real files and the real command, against a sandbox with a record of its own. It
keeps its own truth: what each row means to its user. After every step the server is asked what it created: nobody was
asked more often than was meant, no row of any sheet is lost, and every output adds up to the server's sessions.

More seeds: `YEARS=200 pytest tests/model/test_year.py`, or `YEARS=17-20`.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import text
from support.journals import KINDS, place

from pipeline import sandbox
from pipeline.cli import main
from pipeline.journal import database
from pipeline.journal.journal import open_journal
from pipeline.sandbox.server import RunningSandbox
from schemas.fields import RUN_PROPERTY

HEADINGS = ("Invoice #", "First name", "Last name", "Email", "Amount", "sendInteracLink", "Flat")
OF_CHARGE = ("reference", "name", "last", "email", "amount", "link", "flat")
STEPS = 14
LOST = "Error500Created"
"""References of this scenario are created and answered by an error: nobody knows."""


pytestmark = pytest.mark.slow


def seeds() -> list[int]:
    asked = os.environ.get("YEARS", "")
    if "-" in asked:
        first, last = map(int, asked.split("-"))
        return [*range(first, last + 1)]
    return [*range(int(asked or 4))]


@dataclass(frozen=True, slots=True)
class Charge:
    """A row as its user means it. The first name is what the test knows it by, and is never changed."""

    name: str
    reference: str
    amount: str
    email: str
    last: str = "Fraser"

    @property
    def flat(self) -> str:
        """A column of the user's own that tells rows apart."""
        return f"flat {self.name}"

    @property
    def link(self) -> str:
        """Where a link is e-mailed, a lost answer is never asked for again by itself."""
        return "yes" if self.reference.startswith(LOST) else "no"

    def cells(self) -> list[str]:
        return [getattr(self, name) for name in OF_CHARGE]


@dataclass(slots=True)
class Book:
    """What a user has of one batch: the sheet as it is now, the truth beneath it, and the files made of it."""

    batch: str
    charges: list[Charge]
    right: dict[str, Charge]
    path: Path
    outputs: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    versions: list[Path] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)
    """The names of all rows that any accepted sheet had."""
    doubled: Counter = field(default_factory=Counter)
    """How many more rows than one a name may have in the roll: another reference in a file that does not say."""
    sessions: set[str] = field(default_factory=set)
    """The sessions that the server made while this batch ran."""
    known: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Told:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


def dollars(amounts: Iterable[Any]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0)).quantize(Decimal("0.01"))


def letters(number: int) -> str:
    return "N" + "".join(chr(97 + int(digit)) for digit in f"{number:04d}")


class Player:
    """One office, its journal and its server, through a year."""

    def __init__(self, seed: int, home: Path, server: RunningSandbox, journal: str, customers: bool) -> None:
        self.chance, self.home, self.server, self.journal = random.Random(seed), home, server, journal
        self.customers = customers
        self.books: list[Book] = []
        self.count = 0
        self.days = 0
        self.born: dict[str, int] = {}
        self.seen: dict[str, dict] = {}
        self.story: list[str] = []
        self.meant: dict[str, set[str]] = {}
        self.environment = {
            "FLINKS_BASE_URL": server.base_url,
            "FLINKS_USERNAME": server.username,
            "FLINKS_PASSWORD": server.password,
            "FLINKS_IMPORT_JOURNAL": journal,
            "FLINKS_IMPORT_CONFIG": str(home / "flinks-import.toml"),
            "FLINKS_IMPORT_REFERENCE_NAMES": "customer" if customers else "transaction",
        }
        (home / "flinks-import.toml").write_text("", encoding="utf-8")

    # -----------------------------------------------------------------------------------------------------------
    # The command, and the server

    def command(self, *args: Any) -> Told:
        line = [str(arg) for arg in args]
        self.story.append(f"day {self.days}: {' '.join(line)}")
        out, err = StringIO(), StringIO()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FLINKS_")}
        with (
            patch.dict(os.environ, clean | self.environment, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(line)
        told = Told(int(ended.value.code or 0), out.getvalue(), err.getvalue())
        self.story.append(f"    -> {told.code}")
        assert told.code not in {2, 70, 7}, told.err + told.out
        for path in self.home.iterdir():
            self.born.setdefault(path.name, self.days)
        return told

    def fetch(self) -> dict[str, dict]:
        with urlopen(f"{self.server.base_url}/sandbox/sessions", timeout=60) as answer:
            told = json.load(answer)
        return {one["sessionId"]: one for one in told["sessions"]}

    def run(self, book: Book, path: Path, *more: Any, names: dict[str, bool] | None = None) -> Told:
        """Run a file for a book. `names` are the rows in it: whether each may be a row more of the roll."""
        told = self.command("run", path, "--yes", "--json", *more)
        now = self.fetch()
        new = {session for session in now if session not in self.seen}
        self.seen = now
        book.sessions |= new
        if told.code in {2, 3}:
            assert not new, "refused, and yet asked"
            self.story.append("    refused: " + " ".join(told.err.split())[:160])
            return told
        summary = told.json()
        self.last = book
        self.story.append(f"    { ({k: v for k, v in summary['counts'].items() if v}) } batch {summary['batch']}")
        assert summary["batch"] == book.batch
        book.known |= {one for one in new if not (now[one]["referenceId"] or "").startswith(LOST)}
        book.outputs.append(Path(summary["output"]))
        for name, may_double in (names or {}).items():
            if name in book.rows and may_double:
                book.doubled[name] += 1
            book.rows.add(name)
            self.meant.setdefault(name, set()).add(book.batch)
        self.check_asked()
        return told

    def check_asked(self) -> None:
        """Nobody has more requests that are not cancelled than was meant."""
        live = Counter(
            one["payor"]["firstName"]
            for one in self.seen.values()
            if one["status"].lower() not in {"cancelled", "canceled"}
        )
        for name, count in live.items():
            meant = len(self.meant.get(name, ())) if self.customers else 1
            assert count <= meant, f"{name} was asked {count} times, meant {meant}"

    # -----------------------------------------------------------------------------------------------------------
    # Files

    def fresh(self, stem: str, suffix: str) -> Path:
        self.count += 1
        return self.home / f"{stem} {self.count}{suffix}"

    def write(self, path: Path, charges: list[Charge]) -> Path:
        rows = [HEADINGS, *(charge.cells() for charge in charges)]
        if path.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
        else:
            book = Workbook()
            for row in rows:
                book.active.append([*row])
            book.save(path)
        self.born[path.name] = self.days
        return path

    def open(self, path: Path) -> Any:
        """A workbook of ours as it would be had the clock gone on instead of the journal being moved back."""
        book = load_workbook(path)
        passed = timedelta(days=self.days - self.born[path.name])
        for one in book.custom_doc_props.props:  # type: ignore[attr-defined]
            if one.name == RUN_PROPERTY and one.value:
                moved = datetime.fromisoformat(one.value).astimezone(UTC) - passed
                one.value = moved.isoformat(timespec="microseconds")
        return book

    def save(self, book: Any, path: Path) -> Path:
        book.save(path)
        self.born[path.name] = self.days
        return path

    def charge(self, month: str) -> Charge:
        self.count += 1
        number = self.count
        style = self.chance.choice(["INV-{}", "{:05d}", "{}-12", "F{}"])
        reference = style.format(number)
        happens = self.chance.random()
        if happens < 0.06:
            reference = f"{LOST}-{number}"
        elif happens < 0.12:
            reference = f"Happy{self.chance.randint(1, 3)}-{number}"
        elif happens < 0.18 and not self.customers:
            reference = ""
        name = letters(number)
        return Charge(name, reference, f"{number}.{self.chance.randint(0, 99):02d}", f"{name.lower()}@example.com")

    def spoil(self, charge: Charge) -> Charge:
        return replace(
            charge,
            **self.chance.choice(
                [
                    {"email": charge.email.replace("@", "@@")},
                    {"amount": ""},
                    {"amount": "abc"},
                    {"email": ""},
                    {"email": charge.email.replace("@", "@@"), "reference": charge.reference if self.customers else ""},
                ]
            ),
        )

    def other_identity(self) -> None:
        """Somebody thinks again about what makes a row itself."""
        if "Flat" in self.environment.get("FLINKS_IMPORT_IDENTITY", ""):
            return
        own = () if self.books else ("referenceId,Flat", "Flat")
        chosen = self.chance.choice(["referenceId", "referenceId,#", *own])
        self.environment["FLINKS_IMPORT_IDENTITY"] = chosen
        self.story.append(f"identity {chosen}")

    # -----------------------------------------------------------------------------------------------------------
    # What people do

    def new_month(self) -> None:
        month = f"m{self.count}"
        if self.customers and self.books:
            self.time_passes(31)
            right = [
                replace(
                    one,
                    amount=f"{int(float(one.amount)) + 1000 + self.count}.{self.chance.randint(0, 99):02d}"
                    if self.chance.random() < 0.5
                    else one.amount,
                )
                for one in self.books[-1].right.values()
            ]
        else:
            right = [self.charge(month) for _ in range(self.chance.randint(3, 8))]
        charges = [self.spoil(one) if self.chance.random() < 0.3 else one for one in right]
        path = self.home / f"rent {month}{self.chance.choice(['.csv', '.xlsx'])}"
        batch = self.chance.choice([path.stem, f"b-{month}"])
        book = Book(batch, charges, {one.name: one for one in right}, path)
        self.books.append(book)
        self.send(book)

    def send(self, book: Book, path: Path | None = None, aloud: bool = True, *more: Any) -> Told:
        """Write the sheet as it is now, and run it."""
        path = self.write(path or book.path, book.charges)
        names = {one.name: self.doubles(book, one) for one in book.charges}
        options: list[Any] = ["--batch", book.batch] if aloud else []
        if path.suffix == ".xlsx" and self.chance.random() < 0.5:
            copy = self.fresh("marked", ".xlsx")
            options += ["--marked-copy", copy]
            book.copies.append(copy)
        if self.chance.random() < 0.3:
            options += ["--lang", "fr"]
        return self.run(book, path, *options, *more, names=names)

    def doubles(self, book: Book, charge: Charge) -> bool:
        """Whether a row of a file that does not say where it came from may be one more row of the roll.

        Its reference was filled in, corrected or rewritten, or it has none and its content was changed.
        """
        used = self.used.setdefault((book.batch, charge.name), set())  # type: ignore[call-overload]
        sign = charge.reference or charge
        new = bool(used) and sign not in used
        used.add(sign)
        return new

    used: dict[str, Any]
    last: Book

    def pick(self) -> Book:
        return self.chance.choice(self.books)

    def resend(self) -> None:
        """The sheet, some of it corrected, sorted or re-saved in another format or name."""
        book = self.pick()
        charges = [book.right[one.name] if self.chance.random() < 0.5 else one for one in book.charges]
        what = self.chance.choice(["", "sort", "shuffle", "drop", "add"])
        if what == "sort":
            charges.sort(key=lambda one: one.amount)
        elif what == "shuffle":
            self.chance.shuffle(charges)
        elif what == "drop" and len(charges) > 1:
            charges.pop(self.chance.randrange(len(charges)))
        elif what == "add" and not self.customers:
            one = self.charge(book.batch)
            book.right[one.name] = one
            charges.insert(self.chance.randrange(len(charges) + 1), one)
        book.charges = charges
        path = self.chance.choice([book.path, book.path, book.path.with_suffix(".xlsx"), self.fresh("saved", ".csv")])
        self.story.append(f"resend {what} {path.name}: {[one.cells() for one in charges]}")
        self.send(book, path)

    def correct_errors(self) -> None:
        """`Errors` of a workbook, perhaps not of the last one, corrected and given back."""
        book = self.pick()
        if not book.outputs:
            return
        path = self.chance.choice(book.outputs[-3:])
        workbook = self.open(path)
        found = [one for one in ("Errors", "Erreurs") if one in workbook.sheetnames]
        if not found:
            return
        names = self.edit(book, workbook[found[0]], delete=0.3)
        if not names:
            return
        to = self.chance.choice([path, self.fresh("corrected", ".xlsx")])
        self.story.append(f"correct {path.name} of run, {names}")
        self.give(book, self.save(workbook, to), names)

    def give(self, book: Book, path: Path, names: list[str], *more: Any) -> None:
        options: list[Any] = self.chance.choice([[], ["--batch", book.batch], ["--lang", "fr"]])
        self.run(book, path, *options, *more, names=dict.fromkeys(names, False))

    def edit(self, book: Book, sheet: Any, delete: float, columns: tuple[str, ...] = HEADINGS) -> list[str]:
        """Correct some rows of a sheet of ours as their user means them; returns the names of those that are in it."""
        heading = next(row for row in range(1, sheet.max_row + 1) if any(c.value == "First name" for c in sheet[row]))
        at = {cell.value: cell.column for cell in sheet[heading] if cell.value}
        names = []
        for number in range(sheet.max_row, heading, -1):
            name = sheet.cell(number, at["First name"]).value
            if name is None:
                continue
            if self.chance.random() < delete:
                sheet.delete_rows(number)
                continue
            names.append(name)
            right = book.right.get(name)
            if right is None or self.chance.random() < 0.3:
                continue
            before = sheet.cell(number, at["Invoice #"]).value
            if before != right.reference:  # it repeats its own row now: another rewriting is one row more
                self.used.get((book.batch, name), set()).discard(before)  # type: ignore[call-overload]
            for title, value in zip(HEADINGS, right.cells(), strict=True):
                sheet.cell(number, at[title]).value = value or None
            # What its user has corrected stands in the sheet of the user's own too, perhaps.
            if self.chance.random() < 0.5:
                book.charges = [right if one.name == name else one for one in book.charges]
        return names

    def give_results(self) -> None:
        book = self.pick()
        if not book.outputs:
            return
        path = self.chance.choice(book.outputs[-3:])
        workbook = self.open(path)
        title = next(one for one in ("Results", "Résultats") if one in workbook.sheetnames)
        names = self.edit(book, workbook[title], delete=0.1)
        if not names:
            return
        self.story.append(f"results of {path.name}, {names}")
        self.give(book, self.save(workbook, self.fresh("results", ".xlsx")), names, "--sheet", title)

    def mark(self) -> None:
        """A marked copy corrected, sorted, rewritten, and given back under any name."""
        book = self.pick()
        copies = [path for path in book.copies if path.exists()]
        if not copies:
            return
        workbook = self.open(self.chance.choice(copies))
        sheet = workbook.active
        names = self.edit(book, sheet, delete=0.1)
        if not names:
            return
        if self.chance.random() < 0.4:
            rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2) if any(c.value for c in row)]
            self.chance.shuffle(rows)
            for number, row in enumerate(rows, 2):
                for column, value in enumerate(row, 1):
                    sheet.cell(number, column).value = value
        if self.chance.random() < 0.4:
            for number in range(2, sheet.max_row + 1):
                value = sheet.cell(number, 1).value
                if value and re.fullmatch(r"[0-9]{5}", str(value)):
                    sheet.cell(number, 1).value = str(int(value))
                elif value and re.fullmatch(r"[0-9]{1,2}-12", str(value)) and int(str(value).split("-")[0]) <= 31:
                    sheet.cell(number, 1).value = f"{str(value).split('-')[0]}-Dec"
            self.story.append("rewritten")
        self.story.append(f"marked copy, {names}")
        self.give(book, self.save(workbook, self.fresh("copy of", ".xlsx")), names)

    def give_status(self) -> None:
        """The workbook of `status`, with rows of several sheets, corrected and given back."""
        book = self.pick()
        if not book.rows:
            return
        path = self.fresh("status", ".xlsx")
        self.command("status", book.batch, "-o", path, "--json", *self.chance.choice([[], ["--lang", "fr"]]))
        workbook = self.open(path)
        wanted = self.chance.choice([("Results", "Résultats"), ("Errors", "Erreurs")])
        title = next((one for one in wanted if one in workbook.sheetnames), None)
        if title is None:
            return
        names = self.edit(book, workbook[title], delete=0.2)
        if not names or len(names) > len(set(names)):
            return  # two rows of one number and file can't be told apart
        self.story.append(f"status given back, {title}, {names}")
        self.give(book, self.save(workbook, self.fresh("from status", ".xlsx")), names, "--sheet", title)

    def rewrite(self) -> None:
        """The sheet re-saved by a spreadsheet that rewrites references."""
        book = self.pick()
        if book.batch.startswith("split"):
            return  # the requests are another batch's: a rewritten reference is another one there
        charges = []
        for one in book.charges:
            reference = one.reference
            if re.fullmatch(r"[0-9]{5}", reference):
                reference = str(int(reference))
            elif re.fullmatch(r"[0-9]{1,2}-12", reference):
                reference = reference.replace("-12", "-Dec")
            charges.append(replace(one, reference=reference))
        kept, book.charges = book.charges, charges
        self.story.append("rewritten")
        self.send(book, book.path.with_suffix(self.chance.choice([".csv", ".xlsx"])))
        book.charges = kept

    def copy(self) -> None:
        """The same bytes under another name, said aloud or not."""
        book = self.pick()
        if not book.path.exists():
            return
        path = self.fresh("Copy of rent", book.path.suffix)
        path.write_bytes(book.path.read_bytes())
        other = not self.customers and self.chance.random() < 0.5
        self.command("run", path, "--yes", "--json", *(["--batch", f"other {self.count}"] if other else []))
        self.seen = self.fetch()
        self.check_asked()

    def under_another_name(self) -> None:
        """Some rows of one or two batches in one new sheet, as another batch: all that was asked is held."""
        if self.customers:
            return
        books = [self.pick() for _ in range(self.chance.randint(1, 2))]
        charges = list(
            {
                one.name: one for book in books for one in book.charges if one.reference and self.chance.random() < 0.7
            }.values()
        )
        if not charges:
            return
        self.count += 1
        path = self.home / f"split {self.count}{self.chance.choice(['.csv', '.xlsx'])}"
        new = Book(path.stem, charges, {one.name: self.truth(one.name) for one in charges}, path)
        self.books.append(new)
        self.story.append(f"another name, {[one.name for one in charges]}")
        self.send(new, None, self.chance.random() < 0.5)

    def truth(self, name: str) -> Charge:
        return next(book.right[name] for book in self.books if name in book.right)

    def time_passes(self, days: int = 0) -> None:
        days = days or self.chance.choice([1, 7, 31])
        self.days += days
        self.story.append(f"{days} days pass")
        with open_journal(self.journal) as journal, journal.engine.begin() as connection:
            for table in ("batches", "runs", "attempts"):
                found = connection.execute(text(f"SELECT * FROM {table}")).mappings().all()
                for row in found:
                    times = {
                        name: (datetime.fromisoformat(value).astimezone(UTC) - timedelta(days=days)).isoformat(
                            timespec="microseconds"
                        )
                        for name, value in row.items()
                        if name.endswith("_at") and value
                    }
                    if times:
                        sets = ", ".join(f"{name} = :{name}" for name in times)
                        connection.execute(text(f"UPDATE {table} SET {sets} WHERE id = :id"), times | {"id": row["id"]})

    def cancel(self) -> None:
        book = self.pick()
        if not book.known:
            return
        rows = list(self.roll(book))
        options: list[Any] = []
        chosen = [one for one in rows if one["sessionId"]]
        if chosen and self.chance.random() < 0.8:
            one = self.chance.choice(chosen)
            options = ["--rows", one["row"], *(["--file", one["file"]] if one.get("file") else [])]
        with_rows = " ".join(map(str, options))
        self.story.append(f"cancel {with_rows}")
        try:
            self.command("cancel", book.batch, *options, "--yes", "--json", "-o", self.fresh("cancelled", ".xlsx"))
        except AssertionError as refused:
            # A row that has left its sheet is not cancelled by its number there.
            if "--rows" not in options:
                raise
            self.story.append("    refused: " + " ".join(str(refused).split())[:200])
        self.seen = self.fetch()

    def resolve(self) -> None:
        """A person looks at the server and says what became of a row."""
        book = self.pick()
        if not book.sessions - book.known:
            return
        for row in list(self.roll(book)):
            if row["status"] != "unknown":
                continue
            [session] = [
                one for one in book.sessions - book.known if self.seen[one]["payor"]["firstName"] == row["First name"]
            ] or [None]  # type: ignore[list-item]
            if session is None:
                continue
            options = ["--file", row["file"]] if row.get("file") else []
            try:
                told = self.command("resolve", book.batch, row["row"], "--created", session, *options, "--yes")
            except AssertionError:
                told = self.command(
                    "resolve", book.batch, row["row"], "--created", session, *options, "--gone", "--yes"
                )
            assert told.code == 0
            book.known.add(session)
            return

    def roll(self, book: Book) -> Iterator[dict[str, str]]:
        path = self.fresh("roll", ".csv")
        self.command("status", book.batch, "--json", "--csv", path, "-o", self.fresh("looked", ".xlsx"))
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    # -----------------------------------------------------------------------------------------------------------
    # What is held against each other

    def check(self, book: Book, *, everything: bool = False) -> None:  # noqa: PLR0915 - all at once
        """Every output of a batch adds up to what the server made for it."""
        if not book.rows:
            return
        self.seen = self.fetch()
        base = self.fresh("out", "")
        files = {name: base.with_suffix(f".{name}") for name in ("csv", "html")}
        more = ("--receivables", base.with_suffix(".ar.csv"), "--receivables-mapping", receivables(self.home))
        told = self.command(
            *("status", book.batch, "--json", "-o", base.with_suffix(".xlsx"), "--csv", files["csv"]),
            *(("--html", files["html"], *more) if everything else ()),
        ).json()
        made = [self.seen[one] for one in book.known]
        requests = {"rows": len(made), "amount": str(dollars(one["amount"] for one in made))}
        gone = [one for one in made if one["status"].lower() in {"cancelled", "canceled"}]
        cancelled = {"rows": len(gone), "amount": str(dollars(one["amount"] for one in gone))}
        with files["csv"].open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        with_session = {line["sessionId"]: line for line in lines if line["sessionId"]}
        # The roll
        names = Counter(line["First name"] for line in lines)
        lost = book.rows - set(names)
        assert not lost, f"lost rows {lost}"
        phantoms = {name: count for name, count in names.items() if count > 1 + book.doubled[name]}
        assert not phantoms, f"phantom rows {phantoms}"
        assert set(names) <= book.rows
        assert set(with_session) == book.known
        assert len(with_session) == sum(1 for line in lines if line["sessionId"])
        for session, line in with_session.items():
            assert line["First name"] == self.seen[session]["payor"]["firstName"]
            assert Decimal(line["amountSent"]) == Decimal(str(self.seen[session]["amount"]))
            assert line["referenceSent"] == (self.seen[session]["referenceId"] or "")
        unknown = [line for line in lines if line["status"] == "unknown"]
        assert len(unknown) == len(book.sessions - book.known)
        # Figures
        assert (told["requests"], told["cancelled"]) == (requests, cancelled)
        assert told["rows"] == len(lines) == sum(told["counts"].values())
        assert Counter(line["status"] for line in lines) == Counter({k: v for k, v in told["counts"].items() if v})
        never = len(lines) - len(made) - len(unknown)
        assert told["neverAsked"]["rows"] == never
        if not everything:
            return
        shown = self.command("batches", "show", book.batch, "--json").json()
        for part in ("requests", "cancelled", "neverAsked", "counts"):
            assert shown[part] == told[part], part
        [line] = [one for one in json.loads(self.command("batches", "--json").out) if one["batch"] == book.batch]
        assert (line["created"], line["amount"]) == tuple(requests.values())
        assert (line["cancelled"], line["cancelledAmount"]) == tuple(cancelled.values())
        assert (line["neverAsked"], line["neverAskedAmount"]) == tuple(told["neverAsked"].values())
        assert (line["rows"], line["unknown"]) == (len(lines), len(unknown))
        with base.with_suffix(".ar.csv").open(encoding="utf-8", newline="") as file:
            owed = list(csv.DictReader(file))
        assert (len(owed), dollars(one["Amount"] for one in owed)) == (len(made), Decimal(str(requests["amount"])))
        if made:
            page = files["html"].read_text("utf-8")
            assert f"Rows with a payment request: {len(made)} of {len(lines)}" in page, "html"
            assert f"{dollars(one['amount'] for one in made):,}" in page
        assert figures(base.with_suffix(".xlsx"), "requests") in {
            (len(made), Decimal(str(requests["amount"]))),
            *([None] if not made else []),
        }
        report = self.home / "settlement.csv"
        paid = [one for one in made if (one["referenceId"] or "").startswith("Happy3")]
        report.write_text(
            "\n".join(["referenceId,amount,status", *(f"{o['referenceId']},{o['amount']},Settled" for o in paid)])
            + "\n",
            encoding="utf-8",
        )
        if paid:
            proof = self.command("reconcile", book.batch, report, "--json", "-o", self.fresh("proof", ".xlsx")).json()
            perhaps = dollars(self.seen[one]["amount"] for one in book.sessions - book.known)
            assert Decimal(proof["proof"]["opening"]) == Decimal(str(requests["amount"])) + perhaps
            assert proof["counts"]["matched"] == len(paid)

    def finish(self) -> None:
        """Everything is put right and sent once more: whatever was not asked is, unless it says why not."""
        for book in [one for one in self.books if one.rows]:
            book.charges = list(book.right.values())
            told = self.send(book, book.path)
            assert told.code in {0, 1, 5}, told.err
            counts = {status: count for status, count in told.json()["counts"].items() if count}
            assert set(counts) <= {"created", "already-created", "held", "unknown"}, (counts, told.json()["errors"])
            self.check(book)
        if not self.customers:
            asked = {one["payor"]["firstName"] for one in self.seen.values()}
            missing = {name for book in self.books for name in book.rows} - asked
            assert not missing, f"never asked, though all was put right: {missing}"

    def play(self) -> None:
        self.used = {}
        if self.chance.random() < 0.4:
            self.other_identity()
        self.new_month()
        steps: list[tuple[Callable[[], None], int]] = [
            (self.new_month, 2),
            (self.resend, 4),
            (self.correct_errors, 5),
            (self.give_results, 3),
            (self.mark, 3),
            (self.give_status, 3),
            (self.rewrite, 2),
            (self.copy, 1),
            (self.under_another_name, 2),
            (self.time_passes, 4),
            (self.cancel, 1),
            (self.resolve, 2),
            (self.other_identity, 1),
        ]
        doing, weights = zip(*steps, strict=True)
        for _ in range(STEPS):
            [step] = self.chance.choices(doing, weights)
            self.story.append(f"--- {step.__name__}")
            before = len(self.story)
            step()
            if any(" run " in line for line in self.story[before:]):
                self.check(self.last)
        for book in self.books:
            self.check(book, everything=True)
        self.finish()


def receivables(home: Path) -> Path:
    path = home / "receivables.toml"
    path.write_text('[columns]\nreferenceSent = "Ref"\namountSent = "Amount"\n', encoding="utf-8")
    return path


def figures(workbook: Path, label: str) -> tuple[int, Decimal] | None:
    """Rows and dollars of a line of `Summary`."""
    for row in load_workbook(workbook).worksheets[0].iter_rows(values_only=True):
        if row[0] == label:
            return row[2], Decimal(str(row[3])).quantize(Decimal("0.01"))  # type: ignore[return-value]
    return None


@pytest.mark.parametrize("customers", [False, True], ids=["transaction", "customer"])
@pytest.mark.parametrize("seed", seeds())
def test_a_year(seed: int, customers: bool, tmp_path: Path) -> None:
    """Nobody is asked twice, no row is lost, and all that is said adds up to what the server has."""
    kind = KINDS[seed % 4 == 3]
    with place(kind, tmp_path) as url, sandbox.running(sandbox.SandboxOptions(port=0)) as server:
        database.make(url)
        player = Player(seed, tmp_path, server, url, customers)
        try:
            player.play()
        except BaseException:
            print("\n".join(player.story))  # noqa: T201 - what a failure is told by
            raise
