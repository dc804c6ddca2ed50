"""The JSON summary, key by key (interface: "The JSON summary")."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import Column, ControlTotal, Report, ReportRow, SheetRow, SourceFile, Status, Totals
from pipeline.domain.totals import whole
from pipeline.report.formatting import column_names, control_figure
from pipeline.report.masking import account_columns, mask, mask_in
from pipeline.report.summary import MAX_ERRORS, Gathered, Gathering, Written, as_json, status_lines
from schemas.faults import Fault, sentences
from schemas.languages import Lang
from schemas.money import format_amount

AT = datetime(2026, 11, 24, tzinfo=UTC)
COLUMNS = (Column(0, "Account", "accountNumber", ""),)
REPORT = Report("november", SourceFile("b.csv", "ab" * 32), "sandbox", COLUMNS, AT, AT, ("referenceId",))


def _row(number: int, *faults: Fault) -> ReportRow:
    return ReportRow(SheetRow(number, ("98765410000",), "s"), Status.INVALID, None, Decimal("1.5"), errors=faults)


def _gathered(rows: list[ReportRow]) -> Gathered:
    gathering = Gathering(REPORT)
    for row in rows:
        gathering.add(row)
    return gathering.gathered()


@pytest.mark.parametrize(
    ("columns", "field", "name"),
    [
        ((Column(0, "E-mail\naddress", "email", "", letter="D"),), "email", "E-mail address (column D)"),
        ((Column(0, "Mail", "email", ""),), "email", "Mail"),
        ((Column(0, "x" * 50, "email", ""),), "email", "x" * 39 + "…"),
        ((), "sendInteracLink", "send Interac link"),
        ((Column(0, "Name", None, "why_split", letter="B"),), "lastName", "Name (column B)"),
        ((Column(0, "Last", "lastName", ""), Column(1, "Name", None, "why_split")), "lastName", "Last"),
        ((Column(0, "email", None, "why_own"),), "email", "e-mail"),
    ],
    ids=["heading and letter", "no letter is known", "a long heading", "no column", "split", "one beside it", "own"],
)
def test_a_field_is_called_as_its_column(columns: tuple[Column, ...], field: str, name: str) -> None:
    """By the user's heading and letter; without a column by a plain word, never by the API's name."""
    assert column_names(columns, "en")[field] == name


def test_it_has_the_keys_of_the_interface_and_nothing_that_json_can_t_hold() -> None:
    """Amounts are strings with two decimals; every status is there, zero included."""
    rows = [_row(4, Fault("missing", "email"))]
    written = Written(Path("out.xlsx"), whole(rows).totals, Path("out.xlsx"))
    found = as_json(REPORT, _gathered(rows), written, ExitCode.SOME_ROWS_NEED_FIXING)
    assert json.loads(json.dumps(found)) == {
        "batch": "november",
        "file": "b.csv",
        "sha256": "ab" * 32,
        "environment": "sandbox",
        "rows": 1,
        "counts": {**{status.value: 0 for status in Status}, "invalid": 1},
        "amounts": {**{status.value: "0.00" for status in Status}, "invalid": "1.50"},
        "errors": [
            {"row": 4, "field": "email", "code": "missing", "message": "e-mail: the cell is empty, but required"}
        ],
        "errorsOmitted": 0,
        "held": [],
        "leftOut": {"rows": 0, "amount": "0.00"},
        "wholeBatch": None,
        "output": "out.xlsx",
        "exitCode": 1,
    }


def test_at_most_a_thousand_errors_are_listed_and_the_rest_is_counted() -> None:
    """Errors of all rows are counted one by one, also within a row."""
    rows = [_row(number, Fault("missing", "email"), Fault("missing", "amount")) for number in range(501)]
    found = as_json(REPORT, _gathered(rows), None, ExitCode.SOME_ROWS_NEED_FIXING)
    errors = found["errors"]
    assert isinstance(errors, list)
    assert (len(errors), found["errorsOmitted"], found["output"]) == (MAX_ERRORS, 2, None)


def test_messages_do_not_show_account_numbers() -> None:
    """What a cron job mails or logs holds the end of an account only."""
    rows = [_row(4, Fault("email-invalid", "accountNumber", "98765410000"))]
    found = as_json(REPORT, _gathered(rows), None, ExitCode.SOME_ROWS_NEED_FIXING)
    assert "98765410000" not in json.dumps(found)
    assert "\\u2022\\u2022\\u20220000" in json.dumps(found)


@pytest.mark.parametrize("typed", ["98765 410000", " 98765  410000", "98765-410000", "98765410000.0", "'98765410000"])
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_what_a_number_was_read_as_is_hidden_on_rows_that_are_not_sent_too(typed: str, lang: Lang) -> None:
    """A row that is invalid for another reason still tells how its account number was read: by its end only."""
    read = Fault("digits-cleaned", "accountNumber", typed, (("read", "98765410000"),))
    quoted = Fault("not-digits", "accountNumber", typed)
    row = ReportRow(SheetRow(4, (typed,), "s"), Status.INVALID, None, None, errors=(quoted,), notices=(read,))
    told = mask_in(sentences((read, quoted), lang), row, account_columns(COLUMNS))
    assert "•••0000" in told
    assert "98765" not in told


PARTS = [
    ("30265-003-9876541", True),
    ("003 30265 98765410000", True),
    ("30265\u2013003\u20139876541", True),
    ("302650039876541", True),
    ("3302659876541", True),
    ("003/30265/9876541", True),
    ("30265", False),
    ("003", False),
    ("30265-003", False),
    ("000330265", False),
    ("0003", False),
    ("", False),
]


@pytest.mark.parametrize("field", ["transitNumber", "institutionCode"])
@pytest.mark.parametrize(("cell", "hidden"), PARTS)
def test_a_whole_account_is_hidden_in_the_columns_of_its_parts(field: str, cell: str, hidden: bool) -> None:
    """Institution and transit are no secret; with the account in the same cell they are hidden with it."""
    columns = (Column(0, "Own", None, ""), Column(1, "Part", field, ""))
    assert account_columns(columns).hidden_in((cell, cell)) == ({1} if hidden else set())
    row = ReportRow(SheetRow(4, (cell, cell), "ss"), Status.INVALID, None, None)
    told = mask_in(sentences((Fault("combined-unclear", field, cell),)), row, account_columns(columns))
    assert (cell in told) is not hidden or not cell


@pytest.mark.parametrize(("field", "hidden"), [("amount", False), (None, True)])
def test_a_long_fraction_of_a_formula_is_no_account(field: str | None, hidden: bool) -> None:
    """A third of a dollar has as many digits as an account; in the column of amounts it is shown."""
    row = ReportRow(SheetRow(4, ("33.333333333333336",), "n"), Status.INVALID, None, None)
    told = mask_in('"33.333333333333336"', row, account_columns((Column(0, "Own", field, ""),)))
    assert ("•••" in told) is hidden


MASKS = [("9876541", "•••6541"), (" 9876541 ", "•••6541"), ("98765", "•••"), ("", ""), ("  ", "  ")]


@pytest.mark.parametrize(("account", "shown"), MASKS)
def test_an_account_is_shown_by_its_end(account: str, shown: str) -> None:
    """Four characters of a whole number, nothing of less; what is empty stays empty."""
    assert mask(account) == shown


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_status_has_words_and_a_next_step(lang: Lang) -> None:
    """A status is explained, and what to do about it is said in the reader's language."""
    lines = status_lines(Totals(), lang)
    assert [line.status for line in lines] == list(Status)
    assert all(line.meaning.endswith(".") and line.next_step.endswith(".") for line in lines)


DOLLARS = [
    ("1234.5", "$1,234.50", "1\u00a0234,50\u00a0$"),
    ("-2", "-$2.00", "-2,00\u00a0$"),
    ("0.05", "$0.05", "0,05\u00a0$"),
]


@pytest.mark.parametrize(("amount", "english", "french"), DOLLARS)
def test_dollars_are_written_as_people_write_them(amount: str, english: str, french: str) -> None:
    """English and Canadian French put the sign and the separators in different places."""
    assert (format_amount(Decimal(amount), "en"), format_amount(Decimal(amount), "fr")) == (english, french)


FIGURES = [
    ("--expect-rows", "12000", "12\u00a0000"),
    ("--expect-total", "1234.50", "1\u00a0234,50\u00a0$"),
    ("row 75", "4250", "4\u00a0250,00\u00a0$"),
]


@pytest.mark.parametrize(("where", "figure", "french"), FIGURES)
def test_control_totals_are_written_as_people_write_them(where: str, figure: str, french: str) -> None:
    """Rows are a number and all others dollars; in English a figure stands as the option takes it."""
    control = ControlTotal(where, figure, figure, agrees=True)
    assert (control_figure(control, figure, "en"), control_figure(control, figure, "fr")) == (figure, french)
