"""Daily reports as they are downloaded: real files of every kind, and the workbook that is made of them."""

import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from openpyxl import load_workbook

from pipeline.domain.errors import InputError, UsageError
from pipeline.messages import translate
from pipeline.reader.headings import fold
from pipeline.reconciliation.balance import Pile, balance, deposits, doubts
from pipeline.reconciliation.daily_reports import Daily, read_report
from pipeline.reconciliation.dates import DateOrder, moment_of, order_of
from pipeline.reconciliation.front import ResolvedRow, Story
from pipeline.reconciliation.matching import ExpectedPayment as Claim
from pipeline.reconciliation.matching import reconcile
from pipeline.reconciliation.payments import payments_of
from pipeline.reconciliation.vocabulary import load_vocabulary
from pipeline.reconciliation.workbook import SHEETS, ReconciliationContents, write
from pipeline.system.atomic_output import is_ours
from schemas.languages import LANGUAGES, Lang
from schemas.reports import Meaning, ReportField, column_tiers, status_words
from schemas.workbook_names import sheet_name

OFFICE = shutil.which("soffice")
ENGLISH = "Session Id,Reference Id,Amount,Currency,Customer Name,Customer Email,Status,Completed Date\n"
PAID = "S-1,R-1,250.00,CAD,Zoé Tremblay,zoe@example.com,Settled,2026-11-24T10:00:00-05:00\n"


def read(path: Path, content: str | bytes, mapping: str = "") -> Daily:
    """The report that `content` makes at `path`, with a mapping file beside it."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    words = path.with_suffix(".toml") if mapping else None
    if words:
        words.write_text(mapping, encoding="utf-8")
    return read_report(path, load_vocabulary(words))


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    content: str | bytes


FRENCH = "Identifiant de session;Référence;Montant;Devise;Nom du client;Courriel;Statut;Date de paiement\r\n"
REGLE = "S-1;R-1;1 250,00 $;CAD;Zoé Tremblay;zoe@example.com;Réglé;2026-11-24\r\n"
FORMS = [
    Form("UTF-8 with its mark", "\ufeff" + ENGLISH + PAID.replace("250.00", '"1,250.00"')),
    Form("Windows-1252, semicolons, decimal commas", (FRENCH + REGLE).encode("cp1252")),
    Form("UTF-16, tabs", (FRENCH + REGLE).replace(";", "\t").encode("utf-16")),
    Form(
        "a title above, a blank line, headings later",
        "Daily Settlement\n\n" + ENGLISH + PAID.replace("250.00", "1250.00"),
    ),
    Form("headings again on each page", ENGLISH + ENGLISH + PAID.replace("250.00", "1250")),
    Form("names kept from being formulas", ENGLISH + PAID.replace("R-1", "'=R-1").replace("250.00", "1250.00")),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_report_is_read_whatever_its_form(tmp_path: Path, form: Form) -> None:
    """Encoding, delimiter, language and decimal mark of a report are found out, as those of a billing sheet."""
    daily = read(tmp_path / "report.csv", form.content)
    (line,) = daily.lines
    assert (line.session_id, line.reference.removeprefix("="), line.amount) == ("S-1", "R-1", Decimal(1250))
    assert (line.name, line.email, line.meaning) == ("Zoé Tremblay", "zoe@example.com", Meaning.SETTLED)
    assert (line.completed[:10], daily.damaged) == ("2026-11-24", ())


def test_a_workbook_is_read_with_its_numbers_and_dates(tmp_path: Path) -> None:
    """In a workbook an amount is a number and a day a date; a sheet that is no report is named."""
    path = tmp_path / "report.xlsx"
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        page = book.add_worksheet("Settlement")
        page.write_row(0, 0, ("Reference", "Amount", "Settled Date"))
        page.write_row(1, 0, ("R-1", 250.1, datetime(2026, 11, 24)))  # noqa: DTZ001
        book.add_worksheet("Notes").write(0, 0, "nothing")
    daily = read_report(path, load_vocabulary(None))
    (line,) = daily.lines
    assert (line.amount, line.settled, line.meaning) == (Decimal("250.10"), "2026-11-24", Meaning.SETTLED)
    assert any("Notes" in remark.in_language("en") for remark in daily.remarks)


def test_every_sheet_of_a_workbook_that_is_a_report_is_read(tmp_path: Path) -> None:
    """A workbook with one sheet a day is several reports; a line is known by its sheet too."""
    path = tmp_path / "month.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for day in ("23", "24"):
            page = book.add_worksheet(day)
            page.write_row(0, 0, ("Reference", "Amount"))
            page.write_row(1, 0, (f"R-{day}", 10))
    lines = read_report(path, load_vocabulary(None)).lines
    assert [(line.sheet, line.number, line.reference) for line in lines] == [("23", 2, "R-23"), ("24", 2, "R-24")]


@dataclass(frozen=True, slots=True)
class Damage:
    name: str
    line: str | bytes
    says: str


DAMAGES = [
    Damage("an amount that is none", "S-2,R-2,12.0x,CAD,Liam,liam@example.com,Settled,2026-11-24\n", '"12.0x" is not'),
    Damage("no amount", "S-2,R-2,,CAD,Liam,liam@example.com,Settled,2026-11-24\n", "no amount"),
    Damage("a fraction of a cent", "S-2,R-2,1.005,CAD,Liam,liam@example.com,Settled,\n", "more than two decimals"),
    Damage("cut off", "S-2,R-2,1", "3 cells for 8 headings"),
    Damage("cut off before the status", "S-2,R-2,12.00,CAD,Liam\n", "5 cells"),
    Damage("a comma too many", "S-2,R-2,1,250.00,CAD,Liam,l@example.com,Settled,2026-11-24\n", "9 cells"),
    Damage("a NUL byte", "S-2,R-\x002,12.00,CAD,Liam,liam@example.com,Settled,2026-11-24\n", "NUL"),
    Damage("a quotation mark that is never closed", 'S-2,"R-2,12.00,CAD,Liam,l@example.com,Settled,\n', "quotation"),
    Damage("US dollars in the amount", "S-2,R-2,US$12.00,CAD,Liam,liam@example.com,Settled,\n", "another currency"),
    Damage("an error value", "S-2,#N/A,12.00,CAD,Liam,liam@example.com,Settled,2026-11-24\n", "#N/A"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_damaged_line_is_listed_and_spoils_no_other(tmp_path: Path, damage: Damage) -> None:
    """A line that can't be trusted is told with its number and its reason; the lines around it are read."""
    before, after = PAID, "" if damage.name == "cut off" else PAID.replace("S-1", "S-3")
    daily = read(tmp_path / "report.csv", ENGLISH + before + str(damage.line) + after)
    assert [line.session_id for line in daily.lines] == (["S-1", "S-3"] if after else ["S-1"])
    assert [one.number for one in daily.damaged] == [3]
    assert damage.says in daily.damaged[0].why.in_language("en")
    assert daily.damaged[0].why.in_language("fr") != daily.damaged[0].why.in_language("en") or damage.name == "cut off"


def test_empty_cells_at_the_end_may_be_left_out(tmp_path: Path) -> None:
    """A line that is short behind its status is not damaged: many exports leave out what is empty."""
    daily = read(tmp_path / "report.csv", ENGLISH + "S-1,R-1,250.00,CAD,Zoé,zoe@example.com,Settled\n" + PAID)
    assert (len(daily.lines), daily.damaged) == (2, ())


@pytest.mark.parametrize(
    ("total", "disagrees"),
    [("Total,,250.00,,,,,\n", 0), ("TOTAL GÉNÉRAL,,250.00,,,,,\n", 0), ("Total,,250.01,,,,,\n", 1)],
    ids=["agrees", "in French", "a cent off"],
)
def test_a_total_line_is_no_payment_but_a_check(tmp_path: Path, total: str, disagrees: int) -> None:
    """The total of a report is held against its lines and never counted as one."""
    daily = read(tmp_path / "report.csv", ENGLISH + PAID + total)
    assert (len(daily.lines), daily.damaged, len(daily.disagrees)) == (1, (), disagrees)


NO_REPORTS = [
    ("no amount", "Session Id,Status\nS-1,Settled\n", "Session Id, Status"),
    ("no reference", "Montant;Statut;Ville\n12,00;Réglé;Québec\n", "Montant, Statut, Ville"),
    ("no headings", "S-1,R-1,250.00\n", "-"),
]


@pytest.mark.parametrize(("content", "found"), [case[1:] for case in NO_REPORTS], ids=[case[0] for case in NO_REPORTS])
def test_a_file_that_is_no_report_fails_with_its_headings(tmp_path: Path, content: str, found: str) -> None:
    """Without an amount and something to know a payment by, nothing is guessed (API notes, "Reports")."""
    with pytest.raises(InputError) as failure:
        read(tmp_path / "report.csv", content)
    assert (failure.value.text, failure.value.params["found"]) == (
        (
            "Can't read {file}: no row in it names an amount and a reference or sessionId, "
            "nor the date, description and amounts of a bank statement. The headings in row "
            "{row} are: {found}. If this is a payment report, map its headings in a mapping "
            'file (--mapping), for example [columns] "Heading" = "reference".'
        ),
        found,
    )


def test_two_columns_for_one_field_are_asked_about(tmp_path: Path) -> None:
    """Which of two amounts was paid is never guessed; the mapping file can say it."""
    content = "Reference,Amount,Amount Received\nR-1,10.00,9.00\n"
    with pytest.raises(InputError, match="several columns could be"):
        read(tmp_path / "report.csv", content)
    daily = read(tmp_path / "report.csv", content, '[columns]\n"Amount Received" = "amount"\n')
    assert daily.lines[0].amount == 9


def test_a_mapping_file_teaches_headings_and_words(tmp_path: Path) -> None:
    """Headings and status words that are not known can be told, and what a report does not say."""
    content = "Dossier;Encaissement;Situation\nR-1;10,00;Viré\n"
    mapping = (
        '[columns]\nDossier = "reference"\nEncaissement = "amount"\nSituation = "status"\n'
        '[statuses]\n"viré" = "settled"\n[constants]\ncurrency = "CAD"\n'
    )
    (line,) = read(tmp_path / "report.csv", content, mapping).lines
    assert (line.reference, line.amount, line.status, line.meaning) == ("R-1", 10, "Viré", Meaning.SETTLED)


def test_all_mistakes_of_a_mapping_file_are_told_at_once(tmp_path: Path) -> None:
    """A misspelt field is shown with what was perhaps meant."""
    path = tmp_path / "words.toml"
    path.write_text('colums = 1\nignore = "x"\n[columns]\nA = "amont"\n[statuses]\nB = "payed"\n', encoding="utf-8")
    with pytest.raises(UsageError) as failure:
        load_vocabulary(path)
    assert str(failure.value.params["mistakes"]).count(";") == 3
    assert '"amont" → "amount"?' in str(failure.value.params["mistakes"])


def test_our_own_workbook_is_no_report(tmp_path: Path) -> None:
    """The results workbook has sessions and amounts too; taken for a report it would prove itself."""
    path = _written(tmp_path)
    assert is_ours(path)
    with pytest.raises(InputError, match="is a workbook of this program"):
        read_report(path, load_vocabulary(None))


MEANINGS = [
    *[(word, Meaning.SETTLED) for word in ("Settled", "SETTLED", "Réglé", "regle")],
    *[(word, Meaning.PAID) for word in ("Accepted", "Processed", "Traité")],
    *[(word, Meaning.OPEN) for word in ("Initiated", "In Progress", "InProgress", "Processing")],
    ("Failed", Meaning.FAILED),
    *[(word, Meaning.ENDED) for word in ("Cancelled", "Canceled", "Expired", "Declined")],
    *[(word, Meaning.RETURNED) for word in ("Refunded", "Reversed", "Retourné", "NSF", "Annulation de dépôt")],
    *[("Payment declined", Meaning.ENDED), ("Virement Interac - refusé", Meaning.ENDED)],
    *[("Transaction reversed", Meaning.RETURNED), ("Paiement reçu", Meaning.PAID), ("Deposit failed", Meaning.FAILED)],
    *[(word, Meaning.LOOK) for word in ("Session completed", "Payment", "Declined by", "Whatever", "Available")],
]


@pytest.mark.parametrize(("word", "meaning"), MEANINGS, ids=[word for word, _ in MEANINGS])
def test_paid_is_what_a_status_says_and_nothing_else(word: str, meaning: Meaning) -> None:
    """Paid means accepted or later, never a completed session; an unknown word is looked at (API notes, "State")."""
    assert load_vocabulary(None).meaning_of(word) is meaning


def test_no_heading_and_no_word_has_two_meanings() -> None:
    """A heading stands under one field only, and a status word has one meaning."""
    headings = [(fold(name), column) for column, tiers in column_tiers().items() for tier in tiers for name in tier]
    assert len({name for name, _ in set(headings)}) == len(set(headings))
    words = [(fold(word), meaning) for meaning, listed in status_words().items() for word in listed]
    assert len({word for word, _ in set(words)}) == len(set(words))
    assert {column for _, column in headings} == set(ReportField)


MOMENTS = [
    ("2026-11-24T10:05:06-05:00", "2026-11-24T10:05:06"),
    ("2026-11-24 10:05", "2026-11-24T10:05:00"),
    ("2026/11/24", "2026-11-24"),
    ("20261124", "2026-11-24"),
    ("24/11/2026", "2026-11-24"),
    ("11/24/2026 3:05 PM", "2026-11-24T15:05:00"),
    ("Nov 24, 2026", "2026-11-24"),
    ("24 novembre 2026", "2026-11-24"),
    ("1er août 2026", "2026-08-01"),
    ("24-Nov-2026", "2026-11-24"),
    ("03/04/2026", None),
    ("31/02/2026", None),
    ("soon", None),
]


@pytest.mark.parametrize(("text", "moment"), MOMENTS, ids=[text for text, _ in MOMENTS])
def test_dates_are_read_as_people_write_them(text: str, moment: str | None) -> None:
    """The day that stands in the report is the day; which number is the month is never guessed."""
    assert moment_of(text, "s", DateOrder.UNKNOWN) == moment


def test_one_date_of_a_column_shows_the_order_of_all() -> None:
    """`25/11/2026` in a column makes the third of April of its `03/04/2026`."""
    assert moment_of("03/04/2026", "s", order_of(("03/04/2026", "25/11/2026"))) == "2026-04-03"
    assert order_of(("25/11/2026", "11/25/2026")) is DateOrder.UNKNOWN


# ---------------------------------------------------------------------------------------------------------------
# The workbook

CLAIMS = [
    Claim("1", 2, "R-1", Decimal("250.00"), True, False, "Zoé", "", "Tremblay", "zoe@example.com", "9876541", "S-1"),
    Claim("2", 3, "R-2", Decimal("100.00"), True, False, "Liam", "", "O'Connor", "liam@example.com", "", "S-2"),
    Claim("3", 4, "=R-3", Decimal("75.10"), True, False, "Wei", "", "Zhang", "wei@example.com", "", "S-3"),
    Claim("4", 5, "R-4", Decimal("60.00"), True, False, "Ana", "", "Roy", "ana@example.com", "", "S-4"),
    Claim("5", 6, "R-5", Decimal("5.05"), True, True, "Bo", "", "Li", "bo@example.com", "", "", date(2026, 11, 3)),
    Claim("6", 7, "R-6", Decimal("900.00"), False, status="invalid", why="email: is required"),
    Claim("7", 8, "R-7", None, True, False, "Max", "", "Roy", "max@example.com", "", "S-7"),
    *(
        Claim(f"{row}", row, f"R-{row}", Decimal(40), True, False, "Lea", "", "Roy", "lea@example.com", "", f"S-{row}")
        for row in range(9, 14)
    ),
    *(
        Claim(f"T{row}", row, "LEASE-7", Decimal(100), True, False, "Amy", "", "Roy", "amy@example.com")
        for row in (20, 21)
    ),
]
REPORT = (
    ENGLISH.strip()
    + ",Settled Date\n"
    + "S-1,R-1,250.00,CAD,Zoé Tremblay,zoe@example.com,Settled,2026-11-04,2026-11-05\n"
    + "S-2,R-2,90.25,CAD,Someone Else,liam@example.com,Settled,2026-11-04,2026-11-05\n"
    + "S-3,=R-3,75.10,CAD,Wei Zhang,wei@example.com,Settled,2026-11-04,2026-11-06\n"
    + "S-33,=R-3,75.10,CAD,Wei Zhang,wei@example.com,Accepted,2026-11-05,\n"
    + "S-4,R-4,60.00,USD,Ana Roy,ana@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-99,OTHER,5.05,CAD,Bo Li,bo@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-7,R-7,33.33,CAD,Max Roy,max@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-8,R-8,1.00,CAD,X Y,x@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-9,R-9,40.00,CAD,Lea Roy,lea@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-9,R-9,40.00,CAD,Lea Roy,lea@example.com,Refunded,2026-11-08,2026-11-08\n"
    + "S-10,R-10,40.00,CAD,Lea Roy,lea@example.com,Settled,,\n"
    + "S-11,R-11,15.00,CAD,Lea Roy,lea@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-11,R-11,25.00,CAD,Lea Roy,lea@example.com,Settled,2026-11-06,2026-11-07\n"
    + "S-12,R-12,40.00,CAD,Lea Roy,lea@example.com,Declined,2026-11-05,\n"
    + "S-13,R-13,40.00,CAD,Lea Roy,lea@example.com,On hold,2026-11-05,\n"
    + ",LEASE-7,200.00,CAD,Amy Roy,amy@example.com,Settled,2026-11-05,2026-11-06\n"
    + "S-8,R-8,broken,CAD,X Y,x@example.com,Settled,2026-11-05,2026-11-06\n"
)


def _contents(folder: Path) -> ReconciliationContents:
    daily = read(folder / "report.csv", REPORT)
    payments = payments_of(daily.lines, {one.session_id.casefold(): one.amount for one in CLAIMS if one.session_id})
    done = reconcile(CLAIMS, payments)
    proof = balance(done.matches, payments, sum((one.asked_amount for one in CLAIMS), Decimal(0)))
    doubt = doubts(payments, [(one.amount, "") for one in daily.damaged], 0)
    story = Story("november", "sandbox", [daily], daily.damaged, (), (), [ResolvedRow(6, "report.csv", 7)], doubt)
    return ReconciliationContents(story, done.matches, proof, deposits(done))


def _written(folder: Path, lang: str = "en") -> Path:
    return write(_contents(folder), folder / f"out-{lang}.xlsx", lang=lang).path  # type: ignore[arg-type]


def test_the_workbook_has_the_sheets_of_the_interface(tmp_path: Path) -> None:
    """The proof comes first, then a sheet for each place, then the deposits, and damaged lines when there are some."""
    names = load_workbook(_written(tmp_path)).sheetnames
    assert names == ["Proof", *SHEETS.values(), "Deposits", "Damaged lines"]


def test_the_same_reconciliation_is_the_same_bytes(tmp_path: Path) -> None:
    """No clock is asked."""
    contents = _contents(tmp_path)
    first, second = (write(contents, tmp_path / f"{name}.xlsx").path.read_bytes() for name in "ab")
    assert first == second


def test_a_disk_that_does_not_take_the_workbook_is_no_fault_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an OSError, for which there is a sentence and an exit code."""

    def full(_book: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    contents = _contents(tmp_path)
    monkeypatch.setattr(xlsxwriter.Workbook, "_store_workbook", full)
    with pytest.raises(OSError, match="could not be written"):
        write(contents, tmp_path / "full.xlsx")


def test_text_of_a_report_never_becomes_a_formula(tmp_path: Path) -> None:
    """A reference that begins like a formula is text, also after somebody edits the cell."""
    sheet = load_workbook(_written(tmp_path))["Paid twice"]
    cell = next(cell for row in sheet.iter_rows() for cell in row if cell.value == "=R-3")
    assert (cell.data_type, cell.quotePrefix) == ("s", True)


def test_the_proof_begins_with_the_verdict_and_ends_with_what_was_read(tmp_path: Path) -> None:
    """Thirty reports do not push verdict, totals and remedy off the screen; what did not occur is grey."""
    sheet = load_workbook(_written(tmp_path), data_only=True)["Proof"]
    labels = [row[0].value for row in sheet.iter_rows() if row[0].value]
    assert str(labels[1]).startswith("The totals of the lines that were read agree")
    assert labels.index("Category") < labels.index("What to do next") < labels.index("Damaged lines")
    assert labels[-4:] == ["Batch", "Environment", "Time zone", "Report"]
    piles = [row for row in sheet.iter_rows() if isinstance(row[2].value, int) and not row[0].font.bold]
    assert {row[0].value for row in piles if row[0].font.color.rgb == "FF6B7280"} == {
        row[0].value for row in piles if not row[2].value
    }


def test_no_name_in_the_proof_is_cut_off(tmp_path: Path) -> None:
    """French names of a kind are long: their row has two lines."""
    sheet = load_workbook(_written(tmp_path, "fr"), data_only=True)[sheet_name("Proof", "fr")]
    long = [
        row[0] for row in sheet.iter_rows() if isinstance(row[2].value, int) and len(str(row[0].value)) > NAME_WIDTH
    ]
    assert long
    assert all((sheet.row_dimensions[cell.row].height or 0) > 30 for cell in long)


NAME_WIDTH = 40
COLOURED = [
    ("en", "Requested: $100.00. Paid: $90.25.", "How to fix it: "),
    ("fr", "Demandé : 100,00 $. Payé : 90,25 $.", "Comment"),
]


@pytest.mark.parametrize(("lang", "amounts", "remedy"), COLOURED, ids=["en", "fr"])
def test_each_coloured_cell_says_why(tmp_path: Path, lang: Lang, amounts: str, remedy: str) -> None:
    """Whoever hovers over a coloured cell reads what differs and what to do; no other cell has a note."""
    sheet = load_workbook(_written(tmp_path, lang))[sheet_name("Paid differently", lang)]
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    coloured = [cell for cell in cells if cell.fill.patternType]
    notes = [cell.comment.text.replace("\xa0", " ") for cell in coloured]
    assert [cell for cell in cells if cell.comment] == coloured
    assert any(amounts in note for note in notes)
    assert all(remedy in note for note in notes)
    assert len({note.rpartition(remedy)[2] for note in notes}) == 3  # amount, name, currency


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_formula_shows_what_was_computed(tmp_path: Path, lang: Lang) -> None:
    """Before anything is calculated again a formula shows the computed figure, and every check says yes."""
    path = _written(tmp_path, lang)
    values, formulas = load_workbook(path, data_only=True), load_workbook(path)
    for name in (sheet_name("Proof", lang), sheet_name("Deposits", lang)):
        shown = [
            (formulas[name][cell.coordinate].value, cell.value) for row in values[name].iter_rows() for cell in row
        ]
        calculated = [value for formula, value in shown if str(formula).startswith("=")]
        assert calculated
        assert None not in calculated
        assert translate("NO", lang) not in calculated


@pytest.mark.slow
@pytest.mark.skipif(OFFICE is None and not os.environ.get("CI"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_calculated_again_every_formula_comes_to_the_computed_figure(tmp_path: Path, lang: Lang) -> None:
    """The formulas over the other sheets are not decoration: LibreOffice comes to the same figures."""
    path = _written(tmp_path, lang)
    load_workbook(path).save(tmp_path / "bare.xlsx")  # without computed values, so that all is calculated
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    order = [
        OFFICE or "soffice",
        profile,
        "--headless",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
        "--outdir",
        tmp_path / "again",
    ]
    subprocess.run([*map(str, order), str(tmp_path / "bare.xlsx")], check=True, capture_output=True, timeout=110)
    computed, again = load_workbook(path, data_only=True), load_workbook(tmp_path / "again/bare.xlsx", data_only=True)
    for name in (sheet_name("Proof", lang), sheet_name("Deposits", lang)):
        for row in computed[name].iter_rows():
            for cell in row:
                found = again[name][cell.coordinate].value
                same = found == cell.value or (
                    isinstance(found, int | float) and round(found - float(str(cell.value)), 6) == 0
                )
                assert same, (name, cell.coordinate, cell.value, found)


def test_the_proof_tells_each_kind_apart(tmp_path: Path) -> None:
    """Opening total, differences by kind and closing total, from outside the program."""
    proof = _contents(tmp_path).balance
    assert proof.opening == Decimal("890.15")
    assert proof.closing == Decimal("250.00") + Decimal("90.25") + 2 * Decimal("75.10") + Decimal("5.05") + Decimal(
        "33.33"
    ) + Decimal("1.00") + Decimal("280.00")
    assert {pile.value: str(proof.sums[pile].difference) for pile in Pile if proof.sums[pile].difference} == {
        "matched": "33.33",
        "underpaid": "-9.75",
        "otherCurrency": "-60.00",
        "paidTwice": "75.10",
        "returned": "-40.00",
        "endedUnpaid": "-40.00",
        "unknownState": "-40.00",
        "notKnown": "1.00",
    }


WENT_BACK = ["Refunded Amount", "Return Date", "Montant remboursé", "Chargeback"]


@pytest.mark.parametrize("heading", WENT_BACK)
def test_a_column_that_tells_of_money_gone_back_is_never_passed_over(tmp_path: Path, heading: str) -> None:
    """It is not read, so a line in which it says something is damaged; other columns that are not read are named."""
    lines = f"Reference,Amount,Status,{heading},Branch\nR-1,10.00,Settled,,12\nR-2,9.00,Settled,9.00,\n"
    daily = read(tmp_path / "report.csv", lines)
    assert ([line.reference for line in daily.lines], [one.amount for one in daily.damaged]) == (["R-1"], [Decimal(9)])
    assert heading in daily.damaged[0].why.in_language("en")
    assert any('"Branch"' in remark.in_language("en") for remark in daily.remarks)
