"""The workbook that another process writes while the answers come in: the same bytes, and no worse for its end."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import Command
from misbehaving import Misbehaving, Talk, answers, created, creates_and_closes, creates_and_resets
from openpyxl import load_workbook
from standin import Desk, Line, check_truth, workbook_rows, write_sheet

from pipeline.commands import abreast
from pipeline.commands.abreast import Abreast
from pipeline.commands.results import WORTH_IT, Results
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.states import Seen
from pipeline.model import Report, SessionState, Status
from pipeline.report import changes, place
from pipeline.report.changes import Before
from pipeline.report.summary import Gathering
from pipeline.report.totals import whole
from pipeline.report.workbook import Draft, Showing, write

LINES = [Line(f"INV-{number}", link=number % 3 != 0) for number in range(WORTH_IT + 600)]
REFERENCES = [line.reference for line in LINES]
OUTPUT = "sheet.results.xlsx"


pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked up in /proc")


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: Misbehaving) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "8", "answer_timeout": "10"})


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run itself may not write: whatever workbook there is, the other process made it."""

    def not_here(_results: Results) -> None:
        raise AssertionError("the rows were read in the run's own process")

    monkeypatch.setattr(Results, "_gather_here", not_here)


def others() -> list[int]:
    """The processes of that kind that there are."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"commands.abreast" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def children(of: int) -> list[int]:
    """Those of them that a process has begun."""
    found = []
    for pid in others():
        with suppress(OSError):
            _, _, behind_the_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")
            if behind_the_name.split()[1] == str(of):
                found.append(pid)
    return found


def parts(folder: Path) -> list[Path]:
    """Workbooks that are not finished."""
    return list(folder.glob(".*.part"))


def written_from_the_journal(desk: Desk, path: Path) -> bytes:
    with open_journal(str(desk.journal)) as journal:
        write(report_of(journal), partial(journal.report_rows, 1), path)
    return path.read_bytes()


def report_of(journal: Journal) -> Report:
    """The first run with its whole batch, as a command reports it."""
    return replace(journal.report(1), whole=whole(journal.report_rows(1)))


@pytest.mark.usefixtures("alone")
def test_is_what_the_journal_gives_byte_for_byte(desk: Desk, server: Misbehaving) -> None:
    server.on_reference = {
        "INV-3": deque([creates_and_resets]),
        "INV-700": deque([answers(422, {"title": "No"})]),
        "INV-900": deque([creates_and_closes]),
    }
    lines = [*LINES, Line("BAD-1", amount="much"), Line("LAST-1")]
    ran = desk.run(lines)
    assert ran.result is not None
    assert ran.result.totals.counts[Status.INVALID] == 1
    assert ran.result.totals.counts[Status.CREATED] > WORTH_IT
    output = desk.folder / OUTPUT
    assert output.read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")
    check_truth(output, [line.reference for line in lines], server.sessions)
    assert not parts(desk.folder)
    assert not children(os.getpid())


@pytest.mark.usefixtures("alone")
def test_has_the_rows_that_were_not_sent_when_it_was_stopped(desk: Desk, server: Misbehaving) -> None:
    server.on_reference = {"INV-800": deque([_stops])}
    ran = desk.run(LINES)
    assert ran.code == 6
    counts = ran.result.totals.counts if ran.result else {}
    assert counts[Status.CREATED] >= 700
    assert counts[Status.NOT_SENT] > 0
    assert list(workbook_rows(desk.folder / OUTPUT)) == REFERENCES
    assert load_workbook(desk.folder / OUTPUT)["Summary"]["A1"].value


def _stops(talk: Talk) -> None:
    created(talk)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("alone")
def test_is_there_after_a_question_in_between(desk: Desk, server: Misbehaving) -> None:
    ran = desk.run(LINES, first=WORTH_IT)
    assert ran.stopped == "run.stopped_first"
    check_truth(desk.folder / OUTPUT, REFERENCES, server.sessions)


def test_its_end_costs_nothing_but_time(
    desk: Desk, server: Misbehaving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_it(talk: Talk) -> None:
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        created(talk)

    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    server.on_reference = {"INV-900": deque([ends_it])}
    assert desk.run(LINES).code == 0
    assert (desk.folder / OUTPUT).read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")
    assert not parts(desk.folder)
    assert not list((tmp_path / "tmp").iterdir())


def test_a_run_does_not_wait_for_one_that_is_stuck(
    desk: Desk, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would end such a run: while results are written it is deaf to signals."""
    monkeypatch.setattr(abreast, "SILENCE", 2.0)

    def stops_it(talk: Talk) -> None:
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGSTOP)
        created(talk)

    server.on_reference = {"INV-900": deque([stops_it])}
    assert desk.run(LINES).code == 0
    check_truth(desk.folder / OUTPUT, REFERENCES, server.sessions)
    assert not parts(desk.folder)
    assert not children(os.getpid())


@pytest.mark.usefixtures("alone")
def test_what_else_a_python_says_comes_not_between(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A monitoring agent that greets at each start."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "sitecustomize.py").write_text("print('connected to monitor\\nok', flush=True)\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "agent"))
    assert desk.run(LINES).code == 0


@pytest.mark.usefixtures("alone")
def test_a_file_that_vanished_under_it_is_made_again_for_its_owner_only(desk: Desk, server: Misbehaving) -> None:
    def removes_it(talk: Talk) -> None:
        for part in parts(desk.folder):
            part.unlink()
        created(talk)

    server.on_reference = {"INV-900": deque([removes_it])}
    assert desk.run(LINES).code == 0
    assert (desk.folder / OUTPUT).stat().st_mode & 0o777 == 0o600


def test_is_not_believed_when_its_count_is_not_the_journals(
    desk: Desk, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Journal.created_in
    monkeypatch.setattr(Journal, "created_in", lambda journal, run: counted(journal, run) + 1)
    read = []
    here = Results._gather_here
    monkeypatch.setattr(Results, "_gather_here", lambda results: read.append(1) or here(results))
    assert desk.run(LINES).code == 0
    assert read
    check_truth(desk.folder / OUTPUT, REFERENCES, server.sessions)


def test_the_results_outlive_the_folder_of_the_workbook(
    desk: Desk, server: Misbehaving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    home.mkdir()
    shared.mkdir()
    monkeypatch.setenv("HOME", str(home))

    def takes_the_folder_away(talk: Talk) -> None:
        for left in shared.iterdir():
            left.unlink()
        shared.rmdir()
        created(talk)

    server.on_reference = {"INV-1100": deque([takes_the_folder_away])}
    ran = desk.run(LINES, output=shared / OUTPUT)
    assert ran.code == 0
    assert ran.result is not None
    assert ran.result.written is not None
    assert ran.result.written.path == home / OUTPUT
    check_truth(home / OUTPUT, REFERENCES, server.sessions)


def test_goes_when_the_run_is_killed(desk: Desk, server: Misbehaving, command: Command) -> None:
    """Nothing of it is left: neither a process nor a workbook that is not whole."""
    seen: list[int] = []

    def kills_the_run(talk: Talk) -> None:
        seen.extend(children(process.pid))
        process.kill()
        created(talk)

    server.on_reference = {"INV-900": deque([kills_the_run])}
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    process = command.start("run", sheet, "--yes", "-q", env=desk.environment())
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert seen
    assert _becomes(lambda: not set(seen) & set(others()))
    assert not parts(desk.folder)
    again = command("run", sheet, "--yes", "-q", env=desk.environment())
    assert again.code in {0, 5}, again.err
    statuses = check_truth(desk.folder / OUTPUT, REFERENCES, server.sessions)
    assert set(statuses.values()) <= {"created", "already-created", "unknown"}


def _becomes(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    ends = time.monotonic() + seconds
    while not (said := true()) and time.monotonic() < ends:
        time.sleep(0.02)
    return said


# ---------------------------------------------------------------------------------------------------------------
# By itself, over a journal that is there


@pytest.fixture
def helped(desk: Desk) -> Iterator[tuple[Journal, Abreast]]:
    """A journal of a small run, and the other process that writes its workbook."""
    desk.run(LINES[:40])
    with open_journal(str(desk.journal)) as journal:
        helper = Abreast(journal.url, 1, desk.folder / "abreast.xlsx", Showing())
        yield journal, helper
        helper.close()


def test_takes_rows_in_any_portions(
    helped: tuple[Journal, Abreast], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, helper = helped
    monkeypatch.setattr(abreast, "STEP", 1)
    for position in (0, 1, 7, 7, 30):
        helper.passed(position)
    gathered = helper.gathered()
    assert gathered is not None
    assert gathered.totals.counts[Status.CREATED] == journal.created_in(1) == 40
    written = helper.finish(report_of(journal), None)
    assert written is not None
    assert written.path.read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")


def test_leaves_the_disk_to_the_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows lie on a disk that the journal may need: near its end it gives up."""
    desk.run(LINES[:40])
    with (
        open_journal(str(desk.journal)) as journal,
        closing(Draft(report := journal.report(1), desk.folder / "abreast.xlsx", Showing())) as draft,
    ):
        pages = abreast._Pages(journal, 1, draft, Gathering(report))
        pages.write_to(10)
        monkeypatch.setattr(Draft, "room", lambda _: 10_000_000)
        with pytest.raises(OSError, match="room"):
            pages.write_to(20)
        pages.write_to(None)  # nothing is sent any more
        assert pages.gathering.gathered().totals.rows == 40


def test_is_not_removed_as_left_behind_however_long_it_takes(desk: Desk) -> None:
    desk.run(LINES[:40])
    path = desk.folder / "abreast.xlsx"
    with open_journal(str(desk.journal)) as journal, closing(Draft(journal.report(1), path, Showing())) as draft:
        os.utime(draft.files.part, (0, 0))
        draft.touch()
        place.begin(path).unlink()
        assert draft.files.part.exists()


@pytest.mark.parametrize("late", ["states", "tries"])
def test_what_comes_to_a_batch_after_it_was_counted_is_in_its_workbook(desk: Desk, late: str) -> None:
    """States that were asked for elsewhere, by a clock that is behind; tries of a later run, the lock being lost."""
    first = desk.run(LINES[:40]).result
    assert first is not None
    with open_journal(str(desk.journal)) as journal:
        line = journal.batch_lines()[0]
        batch, now = journal.batch(line.name, line.environment, first.report.started_at), first.report.started_at
        session = [row.session_id for row in journal.report_rows(1)]
        journal.record_states(batch, [Seen(session[0], SessionState("Completed", (), None, now), now)])
        with closing(Results(journal, 1, desk.folder / "late.xlsx", Showing())) as results:
            results.gather()
            if late == "states":
                before = now - timedelta(hours=1)
                journal.record_states(batch, [Seen(session[1], SessionState("Completed", (), None, before), before)])
            else:
                desk.run([Line("OTHER"), *LINES[:40]])
            written = results.write(report_of(journal), None)
    assert written is not None
    assert written.path.read_bytes() == written_from_the_journal(desk, desk.folder / "again.xlsx")


def test_what_comes_to_a_batch_while_it_is_counted_is_counted(desk: Desk, server: Misbehaving) -> None:
    """The lock was lost, and a later run sent what the first one could not."""
    server.on_reference = {"INV-7": deque([answers(422, {"title": "No"})])}
    desk.run(LINES[:40])
    with (
        open_journal(str(desk.journal)) as journal,
        closing(Results(journal, 1, desk.folder / "late.xlsx", Showing())) as results,
    ):
        results.begin(WORTH_IT)
        assert results._abreast is not None
        results._abreast._pipe.send(39, None)  # all rows are final, and are written as they are
        time.sleep(1.0)
        desk.run(LINES[:40], name="again.csv", batch="sheet")
        assert results.gather().totals.counts[Status.REJECTED] == 0
        assert results.write(report_of(journal), None)
    assert workbook_rows(desk.folder / "late.xlsx")["INV-7"]["status"] == "already-created"


def test_rows_of_which_more_is_known_by_now_are_not_kept(helped: tuple[Journal, Abreast]) -> None:
    """Somebody asked for the states of the sessions meanwhile: every row has more columns then."""
    journal, helper = helped
    assert helper.gathered() is not None
    session = next(row.session_id for row in journal.report_rows(1))
    now = journal.report(1).started_at
    batch = journal.batch("sheet", journal.batch_lines()[0].environment, now)
    journal.record_states(batch, [Seen(session, SessionState("Completed", (), None, now), now)])
    assert helper.finish(report_of(journal), None) is None


def test_a_month_before_that_was_not_gathered_for_is_not_left_out(helped: tuple[Journal, Abreast]) -> None:
    journal, helper = helped
    assert helper.gathered() is not None
    before = Before(batch="before", at=journal.report(1).started_at, charges=[], over=changes.DEFAULT_OVER, since=[])
    assert helper.finish(journal.report(1), before) is None


def test_a_system_that_starts_no_process_does_without(
    desk: Desk, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(subprocess, "Popen", no_process)
    assert desk.run(LINES).code == 0
    check_truth(desk.folder / OUTPUT, REFERENCES, server.sessions)
