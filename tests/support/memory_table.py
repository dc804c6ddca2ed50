"""A small table in memory, and short ways to check one."""

from collections.abc import Iterator, Sequence

from pipeline.domain.model import WHOLE_NAMES, CheckedRow, Column, Mapping, SheetRow
from pipeline.validation import CheckedTable, CheckOptions, check_table
from schemas.faults import Fault
from schemas.fields import Field

PAYOR = {"referenceId": "INV-1", "firstName": "Zoé", "lastName": "Tremblay", "email": "zoe@example.com"}
GOOD = {**PAYOR, "amount": "250.00"}
ACCOUNT = {"institutionCode": "003", "transitNumber": "30265", "accountNumber": "9876541"}


class MemoryTable:
    """A table as the check needs it: row numbers start under a heading in row 1."""

    def __init__(self, headings: Sequence[str], rows: Sequence[SheetRow], mapping: Mapping | None = None) -> None:
        fields = {field.value for field in Field}
        self.mapping = mapping or Mapping()
        self.columns = tuple(
            Column(
                index,
                heading,
                heading if heading in fields else None,
                WHOLE_NAMES if heading == self.mapping.split_names else "test",
            )
            for index, heading in enumerate(headings)
        )
        self.rows = rows

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        for start in range(0, len(self.rows), size):
            yield list(self.rows[start : start + size])


def table(*rows: dict[str, str], kinds: dict[str, str] | None = None, mapping: Mapping | None = None) -> MemoryTable:
    """A table whose columns are all the headings that occur; `kinds` gives the kind of a column's filled cells."""
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    kind = kinds or {}
    made = [
        SheetRow(
            number,
            tuple(row.get(heading, "") for heading in headings),
            "".join(kind.get(heading, "s") for heading in headings),
        )
        for number, row in enumerate(rows, start=2)
    ]
    return MemoryTable(headings, made, mapping)


def checked(table: MemoryTable, options: CheckOptions | None = None) -> tuple[CheckedTable, list[CheckedRow]]:
    """The checked table after its stream has ended, and its rows."""
    result = check_table(table, options or CheckOptions())
    return result, [row for chunk in result.chunks() for row in chunk]


def only(row: dict[str, str], options: CheckOptions | None = None, kinds: dict[str, str] | None = None) -> CheckedRow:
    """The one row of a table that has no other."""
    rows = checked(table(row, kinds=kinds), options)[1]
    assert len(rows) == 1
    return rows[0]


def codes(faults: Sequence[Fault]) -> list[tuple[str, str]]:
    """What was said, as pairs of field and code."""
    return [(fault.field, fault.code) for fault in faults]
