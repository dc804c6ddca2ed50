"""The workbook of a run is what the journal says of it, to the byte, also when more came to the batch meanwhile."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.fault_server import FaultServer, answers, creates_and_closes, creates_and_resets
from support.run_fixture import Desk, Line, check_truth

from pipeline.commands.results import Results
from pipeline.domain import comparison
from pipeline.domain.comparison import Before
from pipeline.domain.model import Report, SessionState, Status
from pipeline.domain.totals import whole
from pipeline.journal import queries, runs, states
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.states import Seen
from pipeline.report.workbook import Draft, Showing, write

LINES = [Line(f"INV-{number}", link=number % 3 != 0) for number in range(40)]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "8", "answer_timeout": "10"})


@pytest.fixture
def journal(desk: Desk) -> Iterator[Journal]:
    """Of a run that has ended."""
    desk.run(LINES)
    with open_journal(str(desk.journal)) as journal:
        yield journal


def written_from_the_journal(desk: Desk, path: Path) -> bytes:
    with open_journal(str(desk.journal)) as journal:
        write(report_of(journal), partial(queries.report_rows, journal, 1), path)
    return path.read_bytes()


def report_of(journal: Journal) -> Report:
    """The first run with its whole batch, as a command reports it."""
    return replace(journal.read(queries.report, 1), whole=whole(queries.report_rows(journal, 1)))


def learn_state(journal: Journal, place: int, at: datetime) -> None:
    """Somebody asked for the state of the session of one row."""
    line = journal.read(queries.batch_lines)[0]
    session = [row.session_id for row in queries.report_rows(journal, 1)][place]
    batch = journal.write(runs.ensure_batch, line.name, line.environment, at)
    journal.write(states.record, batch.id, [Seen(session, SessionState("Completed", (), None, at), at)])


def test_is_what_the_journal_gives_byte_for_byte(desk: Desk, server: FaultServer) -> None:
    server.on_reference = {
        "INV-3": deque([creates_and_resets]),
        "INV-7": deque([answers(422, {"title": "No"})]),
        "INV-9": deque([creates_and_closes]),
    }
    lines = [*LINES, Line("BAD-1", amount="much"), Line("LAST-1")]
    ran = desk.run(lines)
    assert ran.result is not None
    assert ran.result.totals.counts[Status.INVALID] == 1
    output = desk.folder / "sheet.results.xlsx"
    assert output.read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")
    check_truth(output, [line.reference for line in lines], server.sessions)


@pytest.mark.parametrize("late", ["states", "tries"])
def test_what_comes_to_a_batch_after_it_was_counted_is_in_its_workbook(desk: Desk, journal: Journal, late: str) -> None:
    """States that were asked for elsewhere, by a clock that is behind; tries of a later run, the lock being lost."""
    now = journal.read(queries.report, 1).started_at
    learn_state(journal, 0, now)
    with closing(Results(journal, 1, desk.folder / "late.xlsx", Showing())) as results:
        results.gather()
        if late == "states":
            learn_state(journal, 1, now - timedelta(hours=1))
        else:
            desk.run([Line("OTHER"), *LINES])
        written = results.write(report_of(journal), None)
    assert written is not None
    assert written.path.read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")


def test_rows_do_not_fit_a_report_that_knows_more_of_them(desk: Desk, journal: Journal) -> None:
    """With states every row has more columns; a month before wants each payor's charge."""
    begun = journal.read(queries.report, 1)
    before = Before(batch="before", at=begun.started_at, charges=[], over=comparison.DEFAULT_OVER, since=[])
    with closing(Draft(begun, desk.folder / "out.xlsx", Showing())) as draft:
        assert draft.fits(report_of(journal), None)
        assert not draft.fits(begun, before)
        learn_state(journal, 0, begun.started_at)
        assert not draft.fits(report_of(journal), None)
