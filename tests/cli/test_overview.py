"""The counts of a page agree with those that are made row by row, for batches with every kind of row."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Command, StandaloneSandbox
from support.journals import KINDS
from support.journals import place as place_of

from pipeline.domain import totals
from pipeline.domain.payment_summary import PaymentState, PaymentTally
from pipeline.domain.session_states import Paid
from pipeline.journal import overview, queries
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.overview import Filter

SHEET = """Invoice #,First name,Last name,Email,Amount
Happy1-1,Ana,Fraser,ana@example.com,10.00
INV-2,Ben,Fraser,ben@example.com,20.00
INV-3,Cléo,Côté,cleo@example.com,40.00
Happy3-4,Dan,Fraser,dan@example.com,80.00
Expires-5,Eve,Fraser,eve@example.com,160.00
ResetAfterOnce-6,Flo,Fraser,flo@example.com,320.00
ResetAfterOnce-7,Gil,Fraser,gil@example.com,640.00
BadRequest-8,Hal,Fraser,hal@example.com,1280.00
INV-9,Ida,Fraser,ida@@example.com,2560.00
INV-10,Jo,Fraser,jo@example.com,5120.00
"""
BATCH = 1


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with place_of(request.param, tmp_path) as found:
        yield found


def sent(command: Command, sandbox: StandaloneSandbox, place: str) -> None:
    """A batch with rows that are paid, open, ended, unknown, rejected, invalid, held, cancelled, and asked twice."""
    env, sheet = sandbox.env | {"FLINKS_IMPORT_JOURNAL": place}, command.home / "rent.csv"
    command("journal", "create", place, env=env)
    for text, options in (
        (SHEET, []),
        (SHEET.replace("20.00", "21.00").replace("40.00", "41.00"), []),  # both are held
        (SHEET.replace("20.00", "21.00"), ["--allow-repeats"]),  # one is asked for twice
    ):
        sheet.write_text(text, encoding="utf-8")
        command("run", sheet, "--yes", "--send-link", "--batch", "rent", *options, env=env)
    command("resolve", "rent", "7", "--not-created", "--note", "looked", "--yes", env=env)
    command("cancel", "rent", "--rows", "11", "--yes", env=env)
    command("status", "rent", env=env)
    sheet.write_text(SHEET.replace("40.00", "42.00"), encoding="utf-8")
    command("run", sheet, "--yes", "--send-link", "--batch", "rent", env=env)


def assert_agree(journal: Journal) -> None:
    """Every count of the page is what the rows of the roll come to."""
    rows = list(queries.roll_rows(journal, BATCH))
    whole = totals.whole(rows)
    assert journal.read(overview.totals, BATCH) == whole.totals
    counted = journal.read(overview.requests, BATCH)
    assert (counted.made.rows, counted.made.amount) == (whole.requests.rows, whole.requests.amount)
    assert (counted.cancelled.rows, counted.cancelled.amount) == (whole.cancelled.rows, whole.cancelled.amount)
    never = counted.figures[PaymentState.NEVER_ASKED]
    assert (never.rows, never.amount) == (whole.never_asked.rows, whole.never_asked.amount)
    tally = PaymentTally(journal.read(queries.roll_report, BATCH))
    for row in rows:
        tally.add(row)
    payments = tally.payments()
    assert payments is not None
    for paid, state in ((Paid.YES, PaymentState.PAID), (Paid.NOT_YET, PaymentState.WAITING), (Paid.NO, "ended")):
        figure = counted.figures[PaymentState(state)]
        assert (figure.rows, figure.amount) == (payments.counts[paid], payments.amounts[paid])
    for state, figure in counted.figures.items():
        found = journal.read(overview.lines, counted, Filter(state), 0, 100)
        lines = found.lines
        assert found.count == len(lines)
        assert {line.paid for line in lines} <= {state}
        if state is not PaymentState.UNKNOWN:  # a row that has a request, too, is listed with that
            assert len(lines) == figure.rows


def test_a_page_counts_as_the_workbook_does(
    command: Command, standalone_sandbox: StandaloneSandbox, place: str
) -> None:
    """Before a row is resolved and after, before personal data is removed and after."""
    sent(command, standalone_sandbox, place)
    with open_journal(place) as journal:
        assert_agree(journal)
        counts = journal.read(overview.totals, BATCH).counts
        assert sum(1 for count in counts.values() if count) >= 5


def test_what_is_searched_for_is_found_whatever_its_case_and_accents(
    command: Command, standalone_sandbox: StandaloneSandbox, place: str
) -> None:
    """In the cells, by the number of the row, by the amount; signs that a database gives a meaning have none."""
    sent(command, standalone_sandbox, place)
    with open_journal(place) as journal:
        counted = journal.read(overview.requests, BATCH)
        for text, cents, rows in (
            ("COTE", None, [4]),
            ("cléo", None, [4]),
            ("EVE@", None, [6]),
            ("11", None, [11, 11]),  # asked for twice
            ("160", 16_000, [6]),
            ("7", None, [7]),  # and not every row whose account number has a 7
            ("%", None, []),
            ("_", None, []),
            ('"', None, []),
            ("(", None, []),
            ("\\", None, []),
            ("\u093e", None, []),  # a letter to some systems, and none to others
        ):
            which = Filter(text=text, cents=cents)
            found = journal.read(overview.lines, counted, which, 0, 100)
            assert [line.of_row.row.number for line in found.lines] == rows, text
            assert found.count == len(rows)
            for first in (1, 100):  # a later page, and one behind the last
                later = journal.read(overview.lines, counted, which, first, 100)
                assert (len(later.lines), later.count) == (max(len(rows) - first, 0), len(rows))
