"""What rows, payments and reports say of themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from support.workbook_batches import report

from pipeline.domain.comparison import Charge, charge_of
from pipeline.domain.model import Payment, Totals, Whole, kind_of, look_of, units_of, with_look
from pipeline.domain.number_formats import is_date_format, is_duration
from schemas.languages import Lang

PAYMENT = Payment("INV-1", "Zoé", "Tremblay", "zoe@example.com", Decimal("250.5"), send_link=False)


@pytest.mark.parametrize(("text", "units"), [("", 0), ("é", 1), ("ᐊ", 1), ("😀", 2)])
def test_a_spreadsheet_counts_utf_16_units(text: str, units: int) -> None:
    """A cell takes 32,767 of them, and a character beyond the first plane is two."""
    assert units_of(text) == units


@pytest.mark.parametrize("look", [0, 1, 300])
def test_a_letter_holds_the_kind_of_a_cell_and_its_look(look: int) -> None:
    """Both come out of the letter as they went in."""
    letter = with_look("n", look)
    assert (kind_of(letter), look_of(letter)) == ("n", look)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "INV-1, Zoé Tremblay, zoe@example.com, 250.50 CAD"),
        ({"amount": None}, "INV-1, Zoé Tremblay, zoe@example.com, -"),
        ({"account_number": "987654321"}, "INV-1, Zoé Tremblay, zoe@example.com, 250.50 CAD, ••4321"),
        ({"middle_name": "Anne"}, "INV-1, Zoé Anne Tremblay, zoe@example.com, 250.50 CAD"),
    ],
    ids=["plain", "the payor chooses the amount", "with an account", "with three names"],
)
def test_a_payment_is_described_with_its_account_masked(changes: dict[str, str | None], words: str) -> None:
    """A person compares two versions by it; nobody reads the account."""
    fields = {name: getattr(PAYMENT, name) for name in Payment.__slots__} | changes
    assert Payment(**fields).describe() == words


@pytest.mark.parametrize(("lang", "amount"), [("en", "$250.50"), ("fr", "250,50\xa0$")])
def test_in_a_language_its_amount_is_as_people_write_it(lang: Lang, amount: str) -> None:
    """One that the payor chooses is a dash in both."""
    assert f", {amount}" in PAYMENT.describe(lang)
    assert replace(PAYMENT, amount=None).describe(lang).endswith(", -")


def test_a_charge_of_a_payment_has_its_payor_and_amount() -> None:
    """The month before is known from payments, without a row of a sheet."""
    charge = charge_of(PAYMENT)
    assert charge == Charge("zoe@example.com", "Zoé Tremblay", Decimal("250.5"))


def test_the_whole_of_a_batch_without_rows_is_all_zeros() -> None:
    """A summary has every figure, also of nothing."""
    assert Whole(Totals()).as_json()["rows"] == 0


def test_a_run_is_named_by_its_beginning_in_utc() -> None:
    """The time zone of the machine does not change the name."""
    began = datetime(2026, 11, 24, 7, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert report(started_at=began).mark == datetime(2026, 11, 24, 12, 0, tzinfo=UTC).isoformat(timespec="microseconds")


@pytest.mark.parametrize(
    ("number_format", "date", "duration"),
    [("yyyy-mm-dd", True, False), ('#,##0.00 "days"', False, False), ("[h]:mm", True, True)],
)
def test_a_number_format_tells_dates_and_lengths_of_time(number_format: str, date: bool, duration: bool) -> None:
    """Words in quotes are not signs."""
    assert (is_date_format(number_format), is_duration(number_format)) == (date, duration)
