"""The counts of a page agree with those that are made row by row, for batches with every kind of row."""

from pathlib import Path

from support.command import Command, StandaloneSandbox

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


def sent(command: Command, sandbox: StandaloneSandbox) -> Path:
    """A batch with rows that are paid, open, ended, unknown, rejected, invalid, held, cancelled, and asked twice."""
    env, sheet = sandbox.env, command.home / "rent.csv"
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
    return next(command.data.glob("*.sqlite"))


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
        lines = journal.read(overview.lines, BATCH, counted, Filter(state), 0, 100)
        assert journal.read(overview.count, BATCH, counted, Filter(state)) == len(lines)
        assert {line.paid for line in lines} <= {state}
        if state is not PaymentState.UNKNOWN:  # a row that has a request, too, is listed with that
            assert len(lines) == figure.rows


def test_a_page_counts_as_the_workbook_does(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """Before a row is resolved and after, before personal data is removed and after."""
    place = sent(command, standalone_sandbox)
    with open_journal(str(place)) as journal:
        assert_agree(journal)
        counts = journal.read(overview.totals, BATCH).counts
        assert sum(1 for count in counts.values() if count) >= 5


def test_what_is_searched_for_is_found_whatever_its_case_and_accents(
    command: Command, standalone_sandbox: StandaloneSandbox
) -> None:
    """In the cells, by the number of the row, by the amount; signs that a database gives a meaning have none."""
    place = sent(command, standalone_sandbox)
    with open_journal(str(place)) as journal:
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
        ):
            found = journal.read(overview.lines, BATCH, counted, Filter(text=text, cents=cents), 0, 100)
            assert [line.of_row.row.number for line in found] == rows, text
