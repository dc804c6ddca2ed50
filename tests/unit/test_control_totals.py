"""Why a control total may differ from the rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.domain.control_totals import Cause, CauseFinder, LikelyCause
from pipeline.domain.model import LEFT_OUT, ControlTotal, ReportRow, SheetRow, Status
from schemas.faults import Fault

AMOUNTS = {2: "100.00", 3: "40.00", 4: None, 5: "7.31", 6: "100.00"}

CASES = [
    ("fewer rows than expected", ("--expect-rows", "6", "5"), Cause.ROWS_MISSING, ()),
    ("more rows than expected", ("--expect-rows", "4", "5"), Cause.ROWS_ADDED, ()),
    ("too much by the amount of a row", ("--expect-total", "207.31", "247.31"), Cause.ONE_ROW, (3,)),
    ("of two rows", ("--expect-total", "147.31", "247.31"), Cause.ONE_ROW, (2, 6)),
    ("too little, and an amount can't be read", ("--expect-total", "260.00", "247.31"), Cause.UNREADABLE, (4,)),
    ("too much, which an amount that can't be read does not explain", ("row 7", "241.00", "247.31"), Cause.NONE, ()),
    ("a total of the sheet is about the rows above it", ("row 4", "60.00", "140.00"), Cause.SIGN, (3,)),
    ("by a few cents", ("row 4", "140.03", "140.00"), Cause.ROUNDING, ()),
    ("1.31 for 1.13", ("row 4", "140.18", "140.00"), Cause.TRANSPOSED, ()),
    ("by nothing that a row explains", ("row 4", "141.00", "140.00"), Cause.NONE, ()),
]


@pytest.mark.parametrize(("told", "cause", "rows"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_difference_looks_like_its_cause(told: tuple[str, str, str], cause: Cause, rows: tuple[int, ...]) -> None:
    """The surest cause is told, with the rows that it is about."""
    control = ControlTotal(*told, agrees=False)
    finder = CauseFinder([control, ControlTotal("row 7", "1", "1", agrees=True)])
    for number, amount in AMOUNTS.items():
        finder.add(_row(number, amount))
    assert finder.likely_cause(control) == LikelyCause(cause, rows)


def test_a_few_rows_are_kept_of_many() -> None:
    """Memory does not grow with a sheet whose amounts are all the same."""
    control = ControlTotal("--expect-total", "990.00", "1000.00", agrees=False)
    finder = CauseFinder([control])
    for number in range(2, 102):
        finder.add(_row(number, "10.00"))
    assert finder.likely_cause(control).rows == (2, 3, 4, 5, 6)


def test_what_a_person_left_out_is_the_surest_cause() -> None:
    """The total of the sheet was right about the others; another row of the same amount is no reason."""
    control = ControlTotal("row 7", "60.00", "80.00", agrees=False)
    finder = CauseFinder([control])
    finder.add(_row(2, "20.00"))
    finder.add(replace(_row(3, "20.00"), status=Status.INVALID, errors=(Fault(LEFT_OUT),)))
    finder.add(_row(4, "40.00"))
    assert finder.likely_cause(control) == LikelyCause(Cause.LEFT_OUT, (3,))


def _row(number: int, amount: str | None) -> ReportRow:
    return ReportRow(SheetRow(number, (), ""), Status.CREATED, None, None if amount is None else Decimal(amount))
