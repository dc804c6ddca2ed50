"""Which row of a new sheet is the newer form of which earlier one, and the columns of several sheets."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.domain.model import Column, Payment, SheetRow, SourceFile
from pipeline.domain.roll import (
    Form,
    GivenBack,
    KnownAgain,
    asks_the_same,
    columns_of,
    fitter,
    is_same_file,
    know_again,
    pair_cells,
    pair_forms,
)

PAYMENT = Payment("INV-1", "Zoe", "Tremblay", "zoe@example.com", Decimal("10.00"), send_link=True)


@pytest.mark.parametrize(
    ("row", "may_adopt", "known"),
    [
        pytest.param(GivenBack(7, "ref:B", 1, "ref:A", asked=True), True, ("ref:A", True), id="its key has a request"),
        pytest.param(GivenBack(7, "ref:B", 1, "ref:A", asked=True), False, None, id="it was sent already"),
        pytest.param(GivenBack(7, "ref:A", 1, "ref:A\t#2", asked=False), True, ("ref:A\t#2", True), id="an occurrence"),
        pytest.param(GivenBack(7, "ref:B", 1, "ref:A", asked=False), True, ("ref:B", False), id="corrected"),
        pytest.param(GivenBack(7, "", 1, "", asked=False), True, ("", False), id="still without a key"),
    ],
)
def test_a_row_that_says_which_it_is_takes_over_the_key(
    row: GivenBack, may_adopt: bool, known: tuple[str, bool] | None
) -> None:
    """A request keeps its row, whatever was corrected in it."""
    assert [(one.key, one.settled) for one in know_again([row], may_adopt=may_adopt)] == ([known] if known else [])


def test_no_two_rows_are_one_row() -> None:
    """The first of two rows with one number is the row."""
    rows = [GivenBack(number, "ref:B", 1, "ref:A", asked=False) for number in (7, 8)]
    assert list(know_again(rows, may_adopt=True)) == [KnownAgain(7, 1, "ref:B", settled=False)]


@pytest.mark.parametrize(
    ("now", "sent", "same"),
    [
        pytest.param(PAYMENT, replace(PAYMENT, reference_id="1-INV"), True, id="rewritten reference"),
        pytest.param(PAYMENT, replace(PAYMENT, amount=Decimal(9)), False, id="another amount"),
        pytest.param(None, PAYMENT, True, id="cells that can't be read back"),
        pytest.param(PAYMENT, None, False, id="a request that was purged"),
    ],
)
def test_what_a_row_asks_for_that_carries_a_request(now: Payment | None, sent: Payment | None, same: bool) -> None:
    """A spreadsheet may have rewritten its reference."""
    assert asks_the_same(now, sent) is same


@pytest.mark.parametrize(
    ("earlier", "now", "same"),
    [
        pytest.param(("Billing.xlsx", "Nov"), ("billing.csv", ""), True, id="another format"),
        pytest.param(("billing.xlsx", ""), ("billing.xlsx", "Nov"), True, id="the sheet has a name now"),
        pytest.param(("billing.xlsx", "Nov"), ("billing.xlsx", "Dec"), False, id="another sheet"),
        pytest.param(("billing.xlsx", "Nov"), ("other.xlsx", "Nov"), False, id="another file"),
    ],
)
def test_versions_of_one_file(earlier: tuple[str, str], now: tuple[str, str], same: bool) -> None:
    """Its name tells, whatever its format."""
    assert is_same_file(SourceFile(earlier[0], "", earlier[1]), SourceFile(now[0], "", now[1])) is same


def forms(*lines: str, first: int = 1) -> list[Form]:
    return [Form(first + at, 2 + at, (line,)) for at, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("now", "before", "pairs"),
    [
        pytest.param(["b", "a"], ["a", "b"], [(11, 2), (12, 1)], id="the same cells"),
        pytest.param(["a", "c"], ["a ", "b"], [(11, 1), (12, 2)], id="else the same place"),
        pytest.param(["a", "a", "c"], ["a"], [(11, 1)], id="each earlier row once"),
    ],
)
def test_rows_without_a_name_are_paired(now: list[str], before: list[str], pairs: list[tuple[int, int]]) -> None:
    """By what stands in them, then by where they stand."""
    assert list(pair_forms(forms(*now, first=11), forms(*before))) == pairs


def test_rows_that_stand_as_they_always_stood() -> None:
    """Only those with the same cells, each once."""
    assert list(pair_cells(forms("a", "a", "b", first=11), forms("a", "c"))) == [(11, 1)]


A, B, NAMELESS = Column(0, "Amount", "amount", "exact"), Column(1, "Note", None, "own"), Column(2, "", None, "own")


def test_the_columns_of_several_sheets() -> None:
    """Those of the first, then what others have besides; equal ones are counted."""
    other = (replace(NAMELESS, index=0), replace(NAMELESS, index=1), replace(A, index=2, heading="Amount "))
    assert [(one.index, one.heading) for one in columns_of([(A, B), other])] == [
        (0, "Amount"),
        (1, "Note"),
        (2, ""),
        (3, ""),
    ]


def test_cells_go_into_the_columns_of_the_roll() -> None:
    """A sheet with the columns of the roll is left as it is; another one's cells are put in their places."""
    row = SheetRow(2, ("paid", "10.00"), "s\u00ee")
    assert fitter((A, B), (A, B))(row) is row
    assert fitter((replace(A, letter="C"), B), (A, B))(row) is row
    assert fitter((B, A), (A, NAMELESS, replace(B, index=2)))(row) == replace(
        row, cells=("10.00", "", "paid"), kinds="nss"
    )
