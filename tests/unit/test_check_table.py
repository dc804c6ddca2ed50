"""A whole table checked: what only the column can tell, what is left out, and that nothing is left out in silence."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from support.memory_table import ACCOUNT, GOOD, PAYOR, MemoryTable, checked, codes, only, table

from pipeline.domain.model import Mapping, SheetRow
from pipeline.validation import CheckOptions, check_table
from pipeline.validation.cleaning import clean
from pipeline.validation.column_profile import profile
from pipeline.validation.cross_row import CrossRowChecks
from pipeline.validation.field_sources import sources
from schemas.faults import Fault, sentence
from schemas.fields import DEFAULT_MAX_AMOUNT, NOTICE_AMOUNT, Field


def amounts_of(*texts: str, kind: str = "s") -> list[tuple[Any, list[str]]]:
    """What is read from a column of amounts: each amount, with what was said about it."""
    rows = [GOOD | {"referenceId": f"INV-{at}", "amount": text} for at, text in enumerate(texts)]
    found = checked(table(*rows, kinds={"amount": kind}))[1]
    return [
        (row.payment and row.payment.amount, [fault.code for fault in (*row.faults, *row.notices)]) for row in found
    ]


def test_a_good_row_is_a_payment() -> None:
    """A valid row becomes a payment, cleaned, with nothing to say."""
    row = only(GOOD | ACCOUNT | {"sendInteracLink": "oui", "currency": "cad", "type": "E-Transfer", "Notes": "x"})
    assert row.payment is not None
    assert (row.payment.reference_id, row.payment.amount, row.payment.send_link) == ("INV-1", Decimal("250.00"), True)
    assert (row.payment.institution_code, row.payment.transit_number) == ("003", "30265")
    assert (row.faults, row.notices, row.amount, row.identity) == ((), (), Decimal("250.00"), "ref:INV-1")


def test_a_message_reads_as_promised() -> None:
    """A fault says field, value and what is wrong."""
    row = only(GOOD | {"email": "jane@@x.ca"})
    assert [sentence(fault) for fault in row.faults] == ['e-mail: "jane@@x.ca" is not an e-mail address']


def test_every_fault_of_a_row_is_reported_once() -> None:
    """All faults of a row are given, in the order of the fields, and none twice in other words."""
    row = only(
        {
            "referenceId": "R" * 101,
            "firstName": "",
            "lastName": "",
            "email": "x",
            "amount": "abc",
            "currency": "USD",
            "type": "EFT",
            "direction": "CREDIT",
            "sendInteracLink": "perhaps",
            "institutionCode": "3",
            "transitNumber": "",
            "accountNumber": "12",
        }
    )
    assert codes(row.faults) == [
        ("referenceId", "too-long"),
        ("firstName", "missing"),
        ("lastName", "missing"),
        ("email", "email-invalid"),
        ("amount", "amount-unreadable"),
        ("currency", "currency-other"),
        ("type", "type-other-product"),
        ("direction", "direction-other"),
        ("sendInteracLink", "yes-no-unreadable"),
        ("transitNumber", "account-incomplete"),
        ("accountNumber", "too-few-digits"),
    ]
    assert row.payment is None
    assert codes(row.notices) == [("institutionCode", "zeros-restored")]


def test_a_fault_of_the_rows_shape_is_carried_over() -> None:
    """What the reading found wrong with a row keeps it from being sent, whatever its cells say."""
    whole = table(GOOD)
    whole.rows = [replace(whole.rows[0], faults=(Fault("missing"),))]
    row = checked(whole)[1][0]
    assert (row.payment, codes(row.faults), row.amount) == (None, [("", "missing")], Decimal("250.00"))


def test_the_column_decides_what_is_ambiguous() -> None:
    """`1,234` is read as the other amounts of its column are written, with a notice."""
    assert amounts_of("12.345", "1.50")[0][1] == ["amount-decimals"]  # the fault says all: it was read as no amount
    assert amounts_of("1,234", "12.50") == [(Decimal("1234.00"), ["amount-by-convention"]), (Decimal("12.50"), [])]
    assert amounts_of("1.234", "12,50") == [(Decimal("1234.00"), ["amount-by-convention"]), (Decimal("12.50"), [])]


@pytest.mark.parametrize("others", [(), ("12.50", "12,50"), ("1 250", "37")], ids=["alone", "mixed", "telling nothing"])
def test_without_a_convention_nothing_is_guessed(others: tuple[str, ...]) -> None:
    """When the column does not tell, an ambiguous amount is a fault."""
    assert amounts_of("1,234", *others)[0] == (None, ["amount-ambiguous"])


def test_number_cells_are_never_ambiguous() -> None:
    """A number cell is a plain decimal: three decimals are a fault, and it proves no convention."""
    assert amounts_of("1.234", kind="n") == [(None, ["amount-decimals"])]
    assert amounts_of("249.99999999999997", kind="n") == [(Decimal("250.00"), ["amount-noise"])]


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (f"{NOTICE_AMOUNT}", []),
        (f"{NOTICE_AMOUNT + Decimal('0.01')}", ["amount-large"]),
        (f"{DEFAULT_MAX_AMOUNT}", ["amount-large"]),
        (f"{DEFAULT_MAX_AMOUNT + Decimal('0.01')}", ["amount-too-large"]),
        ("(12.00)", ["amount-negative"]),
        ("0", ["amount-zero"]),
        ("12.345678", ["amount-decimals"]),
    ],
)
def test_limits_of_amounts(amount: str, said: list[str]) -> None:
    """Above the highest amount is a fault, above what banks let through a notice, zero and below a fault."""
    assert amounts_of(amount, "1.00")[0][1] == said


def test_a_faulty_row_still_counts_its_amount() -> None:
    """The readable amount of a row that can't be sent is kept for the totals, in cents."""
    assert [only(GOOD | {"amount": text}).amount for text in ("-5", "12.345678", "abc", "1" * 30)] == [
        Decimal("-5.00"),
        Decimal("12.35"),
        None,
        None,
    ]


def test_a_blank_amount_is_missing_unless_it_may_be_open() -> None:
    """A blank amount is a fault; when it is allowed, the payor chooses, and it is said."""
    assert codes(only(GOOD | {"amount": ""}).faults) == [("amount", "missing")]
    row = only(GOOD | {"amount": ""}, CheckOptions(allow_open_amount=True))
    assert row.payment is not None
    assert (row.payment.amount, codes(row.notices)) == (None, [("amount", "amount-open")])


LANGUAGES = [
    ("Language", "fr", "FR", []),
    ("Langue du client", "Français", "FR", []),
    ("langue", "en-CA", "EN", []),
    ("LANGUE", "", "EN", []),
    ("Language", "es", "EN", [("Language", "language-unknown")]),
    ("Spoken", "fr", "EN", []),
]


@pytest.mark.parametrize(("heading", "text", "language", "said"), LANGUAGES)
def test_a_payor_s_language_is_the_column_s_or_the_setting_s(
    heading: str, text: str, language: str, said: list[tuple[str, str]]
) -> None:
    """The API e-mails in English or French; a row that names another gets a notice and the setting's."""
    row = only(GOOD | {heading: text}, CheckOptions(language="EN"))
    assert row.payment is not None
    assert (row.payment.language, codes(row.notices)) == (language, said)


def test_constants_overrule_and_defaults_fill() -> None:
    """A constant of the mapping stands over the sheet, a default where a cell is blank."""
    mapping = Mapping(constants={"sendInteracLink": "yes"}, defaults={"amount": "99.00", "transitNumber": "30265"})
    rows = [GOOD | {"sendInteracLink": "no"}, GOOD | {"amount": "", "referenceId": "INV-2"}]
    bank = {"institutionCode": "003", "accountNumber": "9876541"}
    found = checked(table(*(row | bank for row in rows), mapping=mapping))[1]
    assert [row.payment and (row.payment.send_link, row.payment.amount) for row in found] == [
        (True, Decimal("250.00")),
        (True, Decimal("99.00")),
    ]
    assert {row.payment and row.payment.transit_number for row in found} == {"30265"}


def test_rows_that_do_not_say_take_the_default_of_the_link() -> None:
    """A blank yes/no cell, or none at all, is what the run says."""
    assert [only(GOOD, CheckOptions(send_link=link)).payment.send_link for link in (True, False)] == [True, False]


def test_whole_names_are_split_when_the_mapping_says_so() -> None:
    """The column of whole names gives both names."""
    row = {"referenceId": "INV-1", "Name": "Tremblay, Zo\u00e9", "email": "zoe@example.com", "amount": "1.00"}
    payment = checked(table(row, mapping=Mapping(split_names="Name")))[1][0].payment
    assert payment is not None
    assert (payment.first_name, payment.last_name) == ("Zo\u00e9", "Tremblay")


@pytest.mark.parametrize("name", ["Null", "NA", "nan", "None", "True", "N/A"])
def test_customers_called_null(name: str) -> None:
    """No name is taken for a missing value."""
    payment = only(GOOD | {"firstName": name, "lastName": name, "referenceId": name}).payment
    assert payment is not None
    assert (payment.first_name, payment.last_name, payment.reference_id) == (name, name, name)


def test_one_address_for_two_payors() -> None:
    """An address that another payor has too is a notice that names the other row; one payor's own is none."""
    rows = [GOOD, GOOD | {"referenceId": "INV-2"}, GOOD | {"firstName": "Luc", "referenceId": "INV-3"}]
    found = checked(table(*rows))[1]
    assert [codes(row.notices) for row in found] == [[], [], [("email", "email-shared")]]
    assert dict(found[2].notices[0].details) == {"row": "2"}


def test_rows_without_reference_are_said_once() -> None:
    """Blank references are one notice for the whole sheet."""
    result, _ = checked(table(GOOD, *[GOOD | {"referenceId": "", "amount": f"{n}.00"} for n in (1, 2, 3)]))
    assert [(notice.code, dict(notice.details)) for notice in result.notices] == [("reference-blank", {"rows": "3"})]


# ---------------------------------------------------------------------------------------------------------------
# Total lines and notes


def rows_with(*extra: dict[str, str]) -> MemoryTable:
    """Three payments of 100.00 (rows 2 to 4), and what is given below them."""
    payments = [GOOD | {"referenceId": f"INV-{at}", "amount": "100.00", "Notes": ""} for at in range(3)]
    return table(*payments, *extra)


TOTALS = {
    "English": {"referenceId": "Total", "amount": "300.00"},
    "French": {"lastName": "TOTAUX :", "amount": "300,00 $"},
    "Grand total": {"firstName": "Grand total", "amount": "300.00"},
    "Total général": {"Notes": "Total g\u00e9n\u00e9ral", "amount": "300.00"},
    "with a count": {"referenceId": "Total", "firstName": "3", "amount": "300.00"},
    "no word": {"amount": "300.00"},
    "noise of a sum": {"referenceId": "Total", "amount": "300.00000000000006"},
}


@pytest.mark.parametrize("line", TOTALS.values(), ids=TOTALS)
def test_a_total_line_is_left_out_and_checked(line: dict[str, str]) -> None:
    """A total is no row; it is checked against the rows and said with its row number."""
    result, rows = checked(rows_with(line))
    assert len(rows) == 3
    control = result.controls[0]
    assert (control.where, control.expected, control.found, control.agrees) == ("row 5", "300.00", "300.00", True)
    assert [notice.code for notice in result.notices] == ["total-agrees"]


def test_a_total_that_disagrees_is_a_fault_with_both_figures() -> None:
    """An amount that no sum explains is never left out: the line is faulted, and counts no dollars itself."""
    result, rows = checked(rows_with({"referenceId": "Total", "amount": "310.00"}))
    assert not result.controls[0].agrees
    assert (rows[3].payment, rows[3].amount) == (None, None)
    assert sentence(rows[3].faults[0]) == '"Total" is a total of $310.00, but the rows add up to $300.00'


def test_subtotals_are_checked_since_the_last_one() -> None:
    """A subtotal is held against the rows since the one before, the grand total against all."""
    first, second, third = (GOOD | {"referenceId": f"INV-{at}", "amount": f"{at}0.00"} for at in (1, 2, 3))
    subtotals = [{"referenceId": "Sous-total", "amount": text} for text in ("30.00", "31.00")]
    total = {"referenceId": "Total", "amount": "60.00"}
    result, rows = checked(table(first, second, subtotals[0], third, subtotals[1], total))
    assert [row.row.number for row in rows if row.faults] == [6]
    assert [(control.expected, control.found, control.agrees) for control in result.controls] == [
        ("30.00", "30.00", True),
        ("31.00", "30.00", False),
        ("60.00", "60.00", True),
    ]


def test_faulty_rows_count_in_the_check() -> None:
    """A total of the sheet includes the rows that can't be sent."""
    result, _ = checked(table(GOOD, GOOD | {"amount": "-50.00"}, {"referenceId": "Total", "amount": "200.00"}))
    assert result.controls[0].agrees


NOTES = ["Payable within 30 days, thank you.", "Note: see the lease", "* estimated"]


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("column", ["referenceId", "Notes"])
def test_notes_under_the_table_are_left_out(note: str, column: str) -> None:
    """A note below the last payment is no row, and is said with its row number."""
    result, rows = checked(rows_with({column: note}))
    assert len(rows) == 3
    assert [(notice.code, dict(notice.details)) for notice in result.notices] == [("note-line", {"row": "5"})]


@pytest.mark.parametrize(
    "note", ["Thank you", "Merci !", "Thank you for your business", "Printed 2026-11-30", "Page 3"]
)
@pytest.mark.parametrize("column", ["referenceId", "lastName", "email", "amount", "Notes"])
def test_words_directly_under_a_total_are_a_note_wherever_they_stand(note: str, column: str) -> None:
    """Under a total line, words in one cell and nothing beside them are no payor (issue "Sheets", point 3)."""
    total = {"referenceId": "Grand total", "amount": "300.00"}
    result, rows = checked(rows_with(total, {column: note}))
    assert len(rows) == 3
    assert [notice.code for notice in result.notices] == ["total-agrees", "note-line"]


UNDER_A_TOTAL = {
    "a reference": {"referenceId": "INV-9"},
    "an e-mail address": {"email": "x@example.com"},
    "a name and an amount": {"lastName": "Roy", "amount": "300.00"},
    "an account": {"accountNumber": "9876541"},
    "two cells": {"referenceId": "Thank you", "lastName": "Roy"},
}


@pytest.mark.parametrize("row", UNDER_A_TOTAL.values(), ids=UNDER_A_TOTAL)
def test_what_could_be_a_payor_stays_a_row_under_a_total_too(row: dict[str, str]) -> None:
    """A lone identifier, or more than one cell, is faulted and not left out."""
    total = {"referenceId": "Grand total", "amount": "300.00"}
    assert len(checked(rows_with(total, row))[1]) == 4


DOUBTFUL = {
    "a payor called Total": PAYOR | {"lastName": "Total", "amount": "300.00"},
    "an e-mail address": {"email": "x@example.com", "amount": "300.00"},
    "a reference": {"referenceId": "INV-9", "amount": "300.00"},
    "only a reference": {"referenceId": "INV-9"},
    "only a name": {"lastName": "Roy", "amount": "300.00"},
    "an account": ACCOUNT | {"amount": "300.00"},
    "text of the user's own": {"Notes": "ask Bob", "amount": "299.00"},
    "a company called Total with an invoice": {"referenceId": "INV-9", "lastName": "Total Ltd.", "amount": "300.00"},
    "a company called Total": {"lastName": "Total Plumbing Ltd.", "amount": "299.00"},
    "a customer called Sum with an invoice": {"referenceId": "1044", "lastName": "Sum", "amount": "300.00"},
}


@pytest.mark.parametrize("row", DOUBTFUL.values(), ids=DOUBTFUL)
@pytest.mark.parametrize("last", [True, False], ids=["at the end", "inside"])
def test_a_doubtful_line_stays_a_row(row: dict[str, str], last: bool) -> None:
    """Whatever could be a payment stays a row, and is faulted for what it lacks."""
    extra = [row] if last else [row, GOOD | {"referenceId": "INV-10"}]
    result, rows = checked(rows_with(*extra))
    assert len(rows) == 3 + len(extra)
    assert result.controls == ()


LEFT_OUT = {
    "a word that nobody knows": [{"Notes": "Insgesamt", "amount": "300.00"}],
    "an ornament of SAP": [{"referenceId": "*", "amount": "300,00", "currency": "CAD"}],
    "a group by its name": [{"Notes": "Total Bow River Lofts", "amount": "300.00"}],
    "a name in the payor's column": [{"lastName": "Total Gagnon Am\u00e9lie", "amount": "300.00"}],
    "a count in the reference": [{"referenceId": "3", "lastName": "Total", "amount": "300.00"}],
    "the label in the e-mail column": [{"email": "Sous-total", "amount": "300.00"}],
    "several words": [{"Notes": "Total amount due (3 invoices)", "amount": "300.00"}],
    "a tax by its rate, and the total with it": [
        {"email": "TPS 5 %", "amount": "15.00"},
        {"email": "TVQ 9,975 %", "amount": "29.93"},
        {"email": "Total", "amount": "344.93"},
    ],
    "a tax without its rate": [{"Notes": "HST", "amount": "39.00"}],
    "a tax on a part of the rows, explained by the total": [
        {"Notes": "GST", "amount": "4.44"},
        {"Notes": "Total", "amount": "304.44"},
    ],
    "a total before the taxes and one behind": [
        {"Notes": "Subtotal", "amount": "300.00"},
        {"Notes": "GST/HST", "amount": "15.00"},
        {"Notes": "Grand total", "amount": "315.00"},
    ],
    "a total of no amount": [{"referenceId": "Total"}],
    "carried to the next page": [{"Notes": "Carried forward", "amount": "300.00"}],
}


@pytest.mark.parametrize("lines", LEFT_OUT.values(), ids=LEFT_OUT)
@pytest.mark.parametrize("last", [True, False], ids=["at the end", "inside"])
def test_a_line_whose_amount_a_sum_explains_is_left_out(lines: list[dict[str, str]], last: bool) -> None:
    """Evidence decides, not the word: the amount is what stands above, with taxes or without."""
    rows = [*lines] if last else [*lines, GOOD | {"referenceId": "INV-10"}]
    result, found = checked(rows_with(*rows))
    assert [row.faults for row in found] == [()] * (3 if last else 4)
    assert len(result.notices) == len(lines)
    assert all(control.agrees for control in result.controls)


UNEXPLAINED = {
    "a total's word alone": {"lastName": "Sum", "amount": "45.00"},
    "a tax that no rate makes": {"Notes": "GST", "amount": "47.11"},
    "a tax in the reference": {"referenceId": "TPS", "amount": "47.11"},
    "a subtotal": {"Notes": "Sous-total", "amount": "45.00"},
}


@pytest.mark.parametrize("line", UNEXPLAINED.values(), ids=UNEXPLAINED)
@pytest.mark.parametrize("last", [True, False], ids=["at the end", "inside"])
def test_no_amount_is_left_out_that_no_sum_explains(line: dict[str, str], last: bool) -> None:
    """The line is there, at fault, in its place."""
    extra = [line] if last else [line, GOOD | {"referenceId": "INV-10"}]
    found = checked(rows_with(*extra))[1]
    assert [bool(row.faults) for row in found] == [False, False, False, True, False][: 3 + len(extra)]
    assert [row.row.number for row in found] == sorted(row.row.number for row in found)


def test_groups_have_totals_of_their_own_and_names() -> None:
    """A group's name alone in a line is left out; its total is held against its rows, the last one against all."""
    payments = [GOOD | {"Unit": "1", "referenceId": f"INV-{at}", "amount": f"{at}0.00"} for at in range(1, 5)]
    lines = [
        {"Unit": "Bow River Lofts"},
        *payments[:2],
        {"Unit": "Total Bow River Lofts", "amount": "30.00"},
        {"referenceId": "Property: Block 12"},
        payments[2],
        {"referenceId": "Total for Block 12", "amount": "30.00"},
        {"Unit": "Portage Court"},
        payments[3],
        {"Unit": "Portage Court Total", "amount": "40.00"},
        {"Unit": "Total", "amount": "100.00"},
    ]
    headings = ["Unit", *GOOD]
    ordered = [{heading: line.get(heading, "") for heading in headings} for line in lines]
    result, rows = checked(table(*ordered))
    assert [row.faults for row in rows] == [()] * 4
    assert [control.agrees for control in result.controls] == [True] * 4
    assert [notice.code for notice in result.notices] == ["group-line"] * 3 + ["total-agrees"] * 4


def test_hundreds_of_equal_notices_are_one() -> None:
    """A total a customer, for hundreds of them, is one sentence with their number."""
    lines = [
        line
        for at in range(300)
        for line in (GOOD | {"referenceId": f"INV-{at}"}, {"referenceId": f"Total Client {at}", "amount": "250.00"})
    ]
    result, rows = checked(table(*lines))
    assert len(rows) == 300
    assert [(notice.code, dict(notice.details)) for notice in result.notices] == [
        ("totals-agree", {"count": "300", "first": "3", "last": "601"})
    ]
    assert sentence(result.notices[0], "en") != sentence(result.notices[0], "fr")


def test_an_amount_alone_inside_the_table_stays_a_row_unless_it_is_the_sum() -> None:
    """An amount without a payor between payments is left out only when it is what the rows above make."""
    last = GOOD | {"referenceId": "INV-10"}
    assert len(checked(rows_with({"amount": "300.00"}, last))[1]) == 4
    assert len(checked(rows_with({"amount": "299.00"}, last))[1]) == 5


# ---------------------------------------------------------------------------------------------------------------
# The stream


class Endless:
    """A table that makes its rows as they are read, so that only the check can keep them."""

    def __init__(self, rows: int) -> None:
        self._count = rows
        self.made = 0
        self.columns = table(GOOD).columns
        self.mapping = Mapping()

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        for start in range(2, self._count + 2, size):
            yield [self._row(number) for number in range(start, min(start + size, self._count + 2))]

    def _row(self, number: int) -> SheetRow:
        self.made += 1
        cells = (f"INV-{number}", f"Zo\u00e9{number}", "Tremblay", f"z{number}@example.com", "1.00")
        return SheetRow(number, cells, "sssss")


def test_the_rows_are_a_stream() -> None:
    """A chunk is given before the next one is read: the check holds no more than that."""
    source = Endless(25_000)
    chunks = check_table(source, CheckOptions()).chunks()
    surveyed = source.made
    first = next(chunks)
    assert source.made - surveyed == len(first) < 25_000


def test_addresses_are_remembered_up_to_a_limit() -> None:
    """Of more addresses than the limit the oldest are forgotten, so that memory does not grow with the file."""
    payors = [GOOD | {"email": f"p{at}@example.com"} for at in (0, 1, 2)]
    others = [row | {"firstName": "Luc"} for row in payors]
    rows = table(*payors, *others).rows
    origin = sources(table(GOOD))
    watch = CrossRowChecks(profile(table(GOOD), origin), most_addresses=2)
    odd = [at for at, _ in watch.compare(rows, clean(rows, origin, production=False))]
    assert odd == []
    recent = table(payors[2], others[2]).rows
    again = CrossRowChecks(profile(table(GOOD), origin), most_addresses=2)
    assert [at for at, _ in again.compare(recent, clean(recent, origin, production=False))] == [1]


def test_the_rows_keep_their_order_and_numbers_over_chunks() -> None:
    """Every row comes back once, in the sheet's order, wherever the chunks end."""
    result = check_table(Endless(25_001), CheckOptions())
    numbers = [row.row.number for chunk in result.chunks() for row in chunk]
    assert numbers == list(range(2, 25_003))
    again = [row.row.number for chunk in result.chunks() for row in chunk]
    assert again == numbers


def test_every_field_can_be_faulted_alone() -> None:
    """A fault names the field it is about, for every field of the table."""
    for field in Field:
        row = only(GOOD | ACCOUNT | {field.value: "#REF!"})
        assert codes(row.faults) == [(field.value, "error-value")]


CUT = {
    "among amounts with cents": ([("1125", "40"), ("80.00", "")], [True, False]),
    "all of them": ([("1250", "00"), ("845", "50")], [True, True]),
    "a column of its own": ([("1125", "40"), ("80.00", "30")], [False, False]),
    "whole amounts": ([("1125", "40"), ("80", "30")], [False, False]),
    "thousands": ([("1", "125.40"), ("80.00", "")], [True, False]),
    "more digits": ([("1125", "4000"), ("80.00", "")], [False, False]),
    "a comma of its own": ([("1,125.00", "40"), ("80.00", "")], [False, False]),
}


@pytest.mark.parametrize(("cells", "cut"), CUT.values(), ids=CUT)
def test_cents_behind_an_amount_are_a_fault(cells: list[tuple[str, str]], cut: list[bool]) -> None:
    """`845,50` without quotation marks is two cells of the right number when a blank one was left out."""
    rows = [GOOD | {"referenceId": f"R{at}", "amount": a, "Notes": b} for at, (a, b) in enumerate(cells)]
    found = checked(table(*rows))[1]
    assert [("amount", "amount-cut") in codes(row.faults) for row in found] == cut


ELSEWHERE = {
    "a second address": ("email", {"E-mail 2": "zoe@example.com"}, "E-mail 2"),
    "an amount": ("amount", {"Rent": "1,250.00"}, "Rent"),
    "an amount with its sign": ("amount", {"Rent": "$1250"}, "Rent"),
    "a whole name": ("firstName", {"Customer": "Zo\u00e9 Tremblay"}, "Customer"),
    "another last name": ("lastName", {"Nom du locataire": "Tremblay"}, "Nom du locataire"),
}


@pytest.mark.parametrize(("field", "cell", "heading"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_cell_is_not_called_empty_when_its_row_holds_the_value(
    field: str, cell: dict[str, str], heading: str
) -> None:
    """The fault names the column that is not used."""
    fault = only(GOOD | {field: ""} | cell).faults[0]
    assert (fault.code, fault.field, dict(fault.details)) == ("missing-here", field, {"elsewhere": heading})
    assert fault.value in sentence(fault)


@pytest.mark.parametrize(
    "cell",
    [{"Notes": "call first"}, {"Unit": "12"}, {"Company name": "Roy Ltd"}, {"Due": "2026-11-30"}, {"Owner": "me@"}],
)
@pytest.mark.parametrize("field", ["email", "amount", "firstName"])
def test_what_is_really_empty_is_called_so(field: str, cell: dict[str, str]) -> None:
    """Other columns are no substitute."""
    assert codes(only(GOOD | {field: ""} | cell).faults) == [(field, "missing")]


def accounts_of(*numbers: str) -> list[tuple[str, dict[str, str]]]:
    """What is said of a sheet whose rows are paid into these accounts; a blank one is the default account."""
    bank = {"institutionCode": "003", "transitNumber": "30265"}
    rows = [
        GOOD | {"referenceId": f"R{at}"} | (bank | {"accountNumber": number} if number else dict.fromkeys(ACCOUNT, ""))
        for at, number in enumerate(numbers)
    ]
    return [(notice.code, dict(notice.details)) for notice in checked(table(*rows))[0].notices]


def test_an_account_of_its_own_in_every_row_is_said() -> None:
    """A list of customers has their accounts, and the account here is the one that receives."""
    assert accounts_of("1234567", "7654321", "0012345") == [("accounts-differ", {"count": "3"})]
    assert accounts_of(*["1234567"] * 5) == []
    assert accounts_of("1234567", "7654321", *["1234567"] * 8) == []
    assert accounts_of("1234567", "7654321", "", "", "") == []


def says(heading: str, *words: str, wrong: int = 0) -> list[tuple[str, str, str, str]]:
    """What is said of a column of the user's own with these cells; as many of the first rows have a fault."""
    rows = [GOOD | {"referenceId": f"R{at}", heading: word} for at, word in enumerate(words)]
    rows = [row | {"amount": "-5"} if at < wrong else row for at, row in enumerate(rows)]
    notices = checked(table(*rows))[0].notices
    return [
        (told["examples"], told["count"], told["row"], one.value) for one in notices for told in (dict(one.details),)
    ]


def test_a_column_that_says_that_rows_are_no_charge_is_said() -> None:
    """Paid, void, a credit note: with the first of its rows, once for each word, whatever its case."""
    found = says("Status", "Open", "Paid", "Void", "PAID", " paid ")
    assert found == [("Paid", "3", "3", "Status"), ("Void", "1", "4", "Status")]
    assert says("Type", "Facture", "Note de crédit") == [("Note de crédit", "1", "3", "Type")]
    assert says("Status", "Paid", "Paid") == [("Paid", "2", "2", "Status")]


def test_a_tick_under_paid_says_so_too() -> None:
    """Under another heading it says nothing."""
    assert says("Paid", "", "yes", "no") == [("yes", "1", "3", "Paid")]
    assert says("Parking", "", "yes", "no") == []


def test_rows_that_are_not_sent_say_nothing_of_a_charge() -> None:
    """A credit note below zero has its own fault. A list of nothing but payments is called so; a memo is no word."""
    assert says("Type", "Credit note", "Invoice", wrong=1) == []
    assert says("Type", "Payment", "Payment") == []
    assert says("Type", "Payment", "Invoice") == [("Payment", "1", "2", "Type")]
    assert says("Memo", "Paid last month by cheque", "Paid 50 of 100") == []
