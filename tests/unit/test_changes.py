"""The difference from the month before."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.comparison import Change, ChangeKind, Charge, ChargeReader, compare, month_before
from pipeline.domain.model import Column, Payment, ReportRow, SheetRow, Status


def charge(amount: str | None, email: str = "zoe@example.com", row: int = 0, name: str = "Zoé Tremblay") -> Charge:
    return Charge(email, name, None if amount is None else Decimal(amount), row)


def kinds(before: list[Charge], now: list[Charge], over: str = "20") -> list[str]:
    return [change.kind.value for change in compare(before, now, Decimal(over))]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(["250.00"], ["250.00"], [], id="the same"),
        pytest.param(["250.00"], ["300.00"], [], id="just the share is not more than it"),
        pytest.param(["250.00"], ["300.01"], ["changed"], id="a cent above the share"),
        pytest.param(["250.00"], ["199.99"], ["changed"], id="a cent below the share"),
        pytest.param(["250.00"], ["2500.00"], ["slip"], id="ten times"),
        pytest.param(["250.00"], ["25000.00"], ["slip"], id="a hundred times"),
        pytest.param(["250.00"], ["25.00"], ["slip"], id="the tenth part"),
        pytest.param(["250.00"], ["2.50"], ["slip"], id="the hundredth part"),
        pytest.param(["12.35"], ["1.24"], ["slip"], id="the tenth part, rounded to the cent"),
        pytest.param([], ["250.00"], ["new"], id="a new payor"),
        pytest.param(["250.00"], [], ["gone"], id="a gone payor"),
        pytest.param(["250.00", "40.00"], ["40.00", "250.00"], [], id="two charges in another order"),
        pytest.param(["250.00", "40.00"], ["250.00", "400.00"], ["slip"], id="a slip in one of two charges"),
        pytest.param(["250.00"], ["250.00", "40.00"], [], id="a small charge in addition"),
        pytest.param(["250.00"], ["250.00", "60.00"], ["changed"], id="a large charge in addition"),
        pytest.param(["250.00", "250.00"], ["250.00"], ["changed"], id="one of two equal charges is gone"),
        pytest.param(["250.00"], [None], ["changed"], id="the payor now chooses"),
        pytest.param([None], [None], [], id="the payor chose before too"),
        pytest.param(["0.01"], ["0.10"], ["slip"], id="cents"),
    ],
)
def test_a_difference_is_of_one_kind(before: list[str | None], now: list[str | None], expected: list[str]) -> None:
    """A payor is a slip, changed, new, gone, or not worth a look."""
    assert kinds([charge(amount) for amount in before], [charge(amount) for amount in now]) == expected


def test_a_payor_is_known_by_the_address_whatever_its_case() -> None:
    """An address in capitals and another spelling of the name are the same payor."""
    assert compare([charge("250.00", "Zoe@Example.com", name="Z. Tremblay")], [charge("250.00")]) == []


def test_a_payor_without_an_address_is_known_by_the_name() -> None:
    """Two rows without an address are compared by the names on them."""
    before, now = charge("250.00", "", name="Zoé  Tremblay"), charge("2500.00", " ", name="zoé tremblay")
    assert kinds([before], [now]) == ["slip"]


def test_a_new_address_alone_makes_nobody_new() -> None:
    """Who is missing by the address and there by the name is one payor; two of that name are not told apart."""
    before = [charge("250.00", "ann@x.ca", name="Ann Roy")]
    assert kinds(before, [charge("250.00", "ann@@x.ca", name="ann  roy")]) == []
    twice = [charge("250.00", "a1@x.ca", name="Ann Roy"), charge("250.00", "a2@x.ca", name="Ann Roy")]
    assert kinds(before, twice) == ["new", "new", "gone"]


def test_a_slip_names_its_row_and_both_amounts() -> None:
    """A person finds the cell: the row is that of the slip and not of the payor's other charge."""
    before = [charge("250.00"), charge("40.00")]
    [change] = compare(before, [charge("250.00", row=4), charge("400.00", row=9)])
    assert (change.rows, change.before, change.now, change.factor) == ((9,), Decimal("40.00"), Decimal("400.00"), 10)


def test_a_slip_is_told_whatever_the_share() -> None:
    """A share of 5000 per cent hides no slip."""
    assert kinds([charge("250.00")], [charge("2500.00")], over="5000") == ["slip"]


def test_kinds_stand_in_the_order_in_which_people_read_them() -> None:
    """Slips first, then changes, new payors, gone payors; within a kind the sheet's order."""
    before = [charge("10.00", mail, name=mail) for mail in ("gone@x.ca", "slip@x.ca", "more@x.ca")]
    now = [charge("10.00", mail, name=mail) for mail in ("new2@x.ca", "new1@x.ca")]
    now += [charge("15.00", "more@x.ca"), charge("100.00", "slip@x.ca")]
    found = [(change.kind, change.email) for change in compare(before, now)]
    assert found == [
        (ChangeKind.SLIP, "slip@x.ca"),
        (ChangeKind.CHANGED, "more@x.ca"),
        (ChangeKind.NEW, "new2@x.ca"),
        (ChangeKind.NEW, "new1@x.ca"),
        (ChangeKind.GONE, "gone@x.ca"),
    ]


COLUMNS = tuple(Column(index, name, name, "why_exact") for index, name in enumerate(("email", "firstName", "lastName")))


@pytest.mark.parametrize(
    ("cells", "payment", "expected"),
    [
        pytest.param(
            ("ZOE@x.ca", "zoé", "t"),
            Payment("A", "Zoé", "Tremblay", "zoe@x.ca", Decimal("5.00"), send_link=False),
            Charge("zoe@x.ca", "Zoé Tremblay", Decimal("5.00"), 7),
            id="a valid row, as it was cleaned",
        ),
        pytest.param(
            (" zoe@x.ca", "", "Roy"),
            None,
            Charge("zoe@x.ca", "Roy", Decimal("9.00"), 7),
            id="a faulty row, as it stands",
        ),
        pytest.param(("zoe@x.ca",), None, Charge("zoe@x.ca", "", Decimal("9.00"), 7), id="a row that is too short"),
    ],
)
def test_a_row_is_read_as_far_as_it_can_be(cells: tuple[str, ...], payment: Payment | None, expected: Charge) -> None:
    """A payor whose row is faulty this month is not gone."""
    row = ReportRow(SheetRow(7, cells, "s" * len(cells)), Status.INVALID, payment, Decimal("9.00"))
    assert ChargeReader(COLUMNS).read(row) == expected


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        pytest.param("billing-2026-11", ["billing-2026-09", "billing-2026-10"], "billing-2026-10", id="the latest"),
        pytest.param("billing-2026-01", ["billing-2025-12"], "billing-2025-12", id="over the new year"),
        pytest.param("01-2026", ["12-2025", "02-2026"], "12-2025", id="the year at the end"),
        pytest.param("24.11.2026", ["01.12.2025", "25.10.2026"], "25.10.2026", id="a day with its year at the end"),
        pytest.param("billing-2026-10", ["billing-2026-11"], None, id="a later one is not before"),
        pytest.param("billing-2026-11", ["billing-2026-11"], None, id="not itself"),
        pytest.param("billing-2026-11", ["rent-2026-10", "billing-2026-1"], None, id="another shape"),
        pytest.param("billing", ["billing", "billing-2026-10"], None, id="no digits"),
        pytest.param("rent dec", ["rent nov"], None, id="no year"),
        pytest.param("loyers_décembre-2026", ["loyers_novembre-2026"], "loyers_novembre-2026", id="months in words"),
        pytest.param(
            "loyers_janvier-2027-01",
            ["loyers_decembre-2026-12", "loyers_novembre-2026-11"],
            "loyers_decembre-2026-12",
            id="months in words and in figures, over the new year",
        ),
        pytest.param("Rent Dec 2026", ["rent Sept 2026", "Rental Nov 2026"], "rent Sept 2026", id="short months"),
        pytest.param("marché 2026-11", ["marchés 2026-10"], None, id="a word that begins like a month"),
    ],
)
def test_the_month_before_has_a_name_of_the_same_shape(name: str, others: list[str], expected: str | None) -> None:
    """The batch to compare with is found by its name alone."""
    assert month_before(name, others) == expected


# ---------------------------------------------------------------------------------------------------------------
# For any two months

amounts = st.one_of(st.none(), st.integers(1, 5_000_000).map(lambda cents: Decimal(cents).scaleb(-2)))
charges = st.lists(
    st.builds(charge, amounts.map(lambda a: None if a is None else str(a)), st.sampled_from(["a@x", "B@x", "b@x", ""]))
)
shares = st.integers(0, 500).map(Decimal)


@given(charges, shares)
def test_a_month_does_not_differ_from_itself(month: list[Charge], over: Decimal) -> None:
    """Whatever a month holds, compared with itself nothing is different."""
    assert compare(month, month, over) == []


@given(charges, charges, shares)
def test_each_payor_stands_once(before: list[Charge], now: list[Charge], over: Decimal) -> None:
    """No payor stands on the sheet twice, and each that does is in one of the months."""
    found = [Charge(change.email, change.name, None).payor for change in compare(before, now, over)]
    assert len(found) == len(set(found))
    assert set(found) <= {one.payor for one in (*before, *now)}


@given(charges, charges, shares)
def test_new_and_gone_are_the_same_seen_from_the_other_side(
    before: list[Charge], now: list[Charge], over: Decimal
) -> None:
    """Who is new against the month before is gone when the months are exchanged."""
    there, back = compare(before, now, over), compare(now, before, over)
    new = {change.email.casefold() for change in there if change.kind is ChangeKind.NEW}
    assert new == {change.email.casefold() for change in back if change.kind is ChangeKind.GONE}


@given(charges, charges, shares, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_verdict(
    before: list[Charge], now: list[Charge], over: Decimal, random: Random
) -> None:
    """A sheet that was sorted otherwise says the same of every payor."""
    shuffled = random.sample(now, len(now))

    def verdicts(month: list[Charge]) -> Any:
        return {Charge(c.email, c.name, None).payor: (c.kind, c.factor) for c in compare(before, month, over)}

    assert verdicts(shuffled).keys() == verdicts(now).keys()
    assert {payor: kind for payor, (kind, _) in verdicts(shuffled).items()} == {
        payor: kind for payor, (kind, _) in verdicts(now).items()
    }


@given(st.integers(1, 100_000), st.sampled_from([10, 100]), shares)
def test_every_wrong_point_is_a_slip(cents: int, factor: Decimal, over: Decimal) -> None:
    """Ten or a hundred times as much is a slip in both directions, whatever the share."""
    small, large = Decimal(cents).scaleb(-2), Decimal(cents * factor).scaleb(-2)
    for before, now in ((small, large), (large, small)):
        assert kinds([charge(str(before))], [charge(str(now))], str(over)) == ["slip"]


@given(st.lists(amounts.filter(bool), min_size=1, max_size=1), st.lists(amounts.filter(bool), min_size=1, max_size=1))
def test_a_larger_share_never_shows_more(before: Any, now: Any) -> None:
    """What is shown at 50 per cent is shown at 20 per cent too."""
    months = [charge(str(before[0]))], [charge(str(now[0]))]
    assert len(kinds(*months, over="50")) <= len(kinds(*months, over="20"))


def test_a_faulty_row_is_compared_as_far_as_it_can_be_read() -> None:
    """Its cells give the payor; a cell beyond its end, or a column that the sheet has not, gives nothing."""
    columns = [Column(0, "Mail", "email", ""), Column(1, "First", "firstName", "")]
    rows = [
        ReportRow(SheetRow(n, cells, "ss"), Status.INVALID, None, None)
        for n, cells in ((2, (" z@example.com ", "Zoé")), (3, ()))
    ]
    reader = ChargeReader(columns)
    assert [(read.email, read.name) for read in map(reader.read, rows)] == [("z@example.com", "Zoé"), ("", "")]


@pytest.mark.parametrize(("before", "now", "more"), [(None, None, None), ("10", None, "-10"), (None, "5", "5")])
def test_the_difference_needs_an_amount_on_either_side(before: str | None, now: str | None, more: str | None) -> None:
    """An amount that is not there counts as nothing, unless both are not there."""
    amounts = [None if text is None else Decimal(text) for text in (before, now)]
    assert Change(ChangeKind.CHANGED, "", "", amounts[0], amounts[1]).difference == (
        None if more is None else Decimal(more)
    )


def test_a_charge_without_a_payor_is_compared_with_nothing() -> None:
    """A row of which the address can't be read is nobody's."""
    assert compare([charge("10.00", email="", name="")], [charge("20.00", email="", name="")]) == []
