"""Stopping early: signals, `--max-failures`, the breakers, `--first`, `--until`, `--rate`.

The rest is `not-sent`, the exit code says why, and the same command goes on.
"""

import os
import pty
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
from support.command import Command
from support.fault_server import Behaviour, FaultServer, Talk, answers, created, creates_and_resets
from support.run_fixture import Desk, Line, check_truth, write_sheet

from schemas import payment
from schemas.languages import Lang
from schemas.payment import PaymentSchema

LINES = [Line(f"INV-{number}", link=number % 2 == 0) for number in range(30)]
REFERENCES = [line.reference for line in LINES]
ENDING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "4", "answer_timeout": "10"})


def goes_on(desk: Desk, lines: list[Line] = LINES) -> None:
    """The same command, all being well, creates what is left: each reference once, and nothing is lost."""
    desk.server.well_created = created
    desk.server.on_create.clear()
    again = desk.run(lines)
    assert again.code == 0
    assert set(again.statuses().values()) <= {"created", "already-created"}
    assert desk.server.created == {line.reference: 1 for line in lines}


# ---------------------------------------------------------------------------------------------------------------
# Signals


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times"])
def test_a_signal_while_it_sends(desk: Desk, command: Command, number: int, times: int) -> None:
    """What is in flight is finished, the workbook is written, and the exit code is 6; the same command goes on."""
    signalled = threading.Event()

    def signals(talk: Talk) -> None:
        for _ in range(times):
            process.send_signal(number)
        signalled.set()
        created(talk)

    def waits(talk: Talk) -> None:
        signalled.wait(60)
        talk.server.stopping.wait(0.1)
        created(talk)

    desk.server.on_create.extend([created] * 8 + [waits] * 3 + [signals])
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    process = command.start("run", sheet, "--yes", env=desk.environment())
    _, err = process.communicate(timeout=120)
    assert process.returncode == 6
    assert "Stopped at your request" in err
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, desk.server.sessions)
    made = [reference for reference, status in statuses.items() if status == "created"]
    assert set(statuses.values()) == {"created", "not-sent"}
    assert 9 <= len(made) <= 16
    assert desk.server.created == dict.fromkeys(made, 1)
    goes_on(desk)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_before_anything_was_sent(desk: Desk, command: Command, number: int) -> None:
    """A signal while it asks for its first token ends the run with 6, nothing sent; the same command goes on."""

    def signals(talk: Talk) -> None:
        process.send_signal(number)
        talk.hang()

    desk.server.on_authorize.append(signals)
    process = command.start("run", write_sheet(desk.folder / "sheet.csv", LINES), "--yes", env=desk.environment())
    process.communicate(timeout=120)
    assert process.returncode == 6
    assert desk.server.creations == []
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, {})
    assert set(statuses.values()) == {"not-sent"}
    goes_on(desk)


def test_a_signal_in_the_middle_of_a_check(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """pandera takes an exception in a check for a finding about the sheet: a signal must not be one."""

    class Interrupted(PaymentSchema):
        @pa.check("firstName")
        def interrupted(cls, values: pd.Series) -> bool:
            os.kill(os.getpid(), signal.SIGTERM)
            return True

    monkeypatch.setattr(payment, "under", lambda limits: Interrupted)
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped) == (6, "Stopped before sending. Run the same command again to start over.")
    assert desk.server.creations == []
    monkeypatch.undo()
    goes_on(desk)


# ---------------------------------------------------------------------------------------------------------------
# At a terminal


class Terminal:
    """The real command at a terminal of its own."""

    def __init__(self, command: Command, *args: object, env: dict[str, str], cwd: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = command.start(*args, env=env, cwd=cwd, terminal=theirs)
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text: str, patience: float = 120) -> None:
        """Read until this has been shown."""
        deadline = time.monotonic() + patience
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.2)[0]:
                self.shown += self._read()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self, patience: float = 120) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + patience
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.05)[0]:
                self.shown += self._read()
        return code

    def _read(self) -> str:
        try:
            return os.read(self._ours, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            return ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(desk: Desk, command: Command) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*args: str) -> Terminal:
        sheet = write_sheet(desk.folder / "sheet.csv", LINES)
        environment = desk.environment() | {"TERM": "dumb", "COLUMNS": "200"}
        opened.append(Terminal(command, "run", sheet, *args, env=environment, cwd=desk.folder))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


ASKED = "[y/N]"
"""What a question ends with."""


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_at_the_confirmation(desk: Desk, terminal: Callable[..., Terminal], number: int) -> None:
    """A signal while it asks whether to send is a no: nothing is sent, the workbook says so, and it ends with 6."""
    one = terminal()
    one.wait_for(ASKED)
    os.kill(one.process.pid, number)
    assert one.end() == 6
    assert "Traceback" not in one.shown
    assert desk.server.requests == []
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, {})
    assert set(statuses.values()) == {"not-sent"}


@pytest.mark.parametrize(
    ("lang", "question"),
    [
        ("en", "Send 30 payment requests, $300.00? [y/N]"),
        ("fr", "Envoyer 30 demandes de paiement, 300,00\N{NO-BREAK SPACE}$ ? [o/N]"),
    ],
)
def test_what_is_typed_before_the_question(
    desk: Desk, terminal: Callable[..., Terminal], lang: str, question: str
) -> None:
    """The question has count and sum. What was typed before it is no answer to it; Enter alone is a no."""
    one = terminal("--lang", lang)
    one.type("y\n" * 3)
    one.wait_for(question)
    one.type("perhaps\n")
    one.wait_for("Answer y or n:" if lang == "en" else "Répondez o ou n :")
    one.type("\n")
    assert one.end() == 6
    assert desk.server.requests == []


@pytest.mark.parametrize(("lang", "yes"), [("en", "y"), ("fr", "Oui")])
def test_a_yes(desk: Desk, terminal: Callable[..., Terminal], lang: str, yes: str) -> None:
    """A yes in the user's language sends all."""
    one = terminal("--lang", lang)
    one.wait_for(ASKED if lang == "en" else "[o/N]")
    one.type(f"{yes}\n")
    assert one.end() == 0
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


def test_first_at_a_terminal(desk: Desk, terminal: Callable[..., Terminal]) -> None:
    """With `--first` the first rows are sent and shown; a yes sends the others, each once, and the code is 0."""
    one = terminal("--first", "3", "--yes")
    one.wait_for(ASKED)
    assert desk.server.created == {"INV-0": 1, "INV-1": 1, "INV-2": 1}
    assert all(session in one.shown for session in desk.server.sessions)
    assert "row 3: INV-1, Inv Fraser, $10.00: created" in one.shown
    assert "Send the other 27 payment requests, $270.00?" in one.shown
    one.type("y\n")
    assert one.end() == 0
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


def test_no_after_the_first(desk: Desk, terminal: Callable[..., Terminal]) -> None:
    """A no after the first rows leaves the others `not-sent` and ends with 6; the same command goes on."""
    one = terminal("--first", "3", "--yes")
    one.wait_for(ASKED)
    one.type("n\n")
    assert one.end() == 6
    assert desk.server.created.total() == 3
    goes_on(desk)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_at_the_question_after_the_first(desk: Desk, terminal: Callable[..., Terminal], number: int) -> None:
    """A signal while it asks whether to go on ends the run with 6 at once: nobody has to answer first."""
    one = terminal("--first", "3", "--yes")
    one.wait_for(ASKED)
    os.kill(one.process.pid, number)
    assert one.end() == 6
    assert "Traceback" not in one.shown
    assert desk.server.created.total() == 3
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, desk.server.sessions)
    assert sorted(set(statuses.values())) == ["created", "not-sent"]
    goes_on(desk)


# ---------------------------------------------------------------------------------------------------------------
# --first without a terminal


def test_first_without_a_terminal(desk: Desk, command: Command) -> None:
    """Without a terminal `--first` stops after the first rows with 6; the same command sends the next ones."""
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    for made in (12, 24):
        done = command("run", sheet, "--yes", "--first", "12", "--json", env=desk.environment())
        assert (done.code, desk.server.created.total()) == (6, made)
        assert done.json()["counts"]["not-sent"] == len(LINES) - made
    done = command("run", sheet, "--yes", "--first", "12", "--json", env=desk.environment())
    assert (done.code, done.json()["counts"]["created"]) == (0, 6)
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


@pytest.mark.parametrize("first", [30, 31, 1000], ids=["all", "one more", "many more"])
def test_first_of_fewer_rows(desk: Desk, first: int) -> None:
    """`--first` with as many rows as there are sends them all and has nothing to ask."""
    assert desk.run(LINES, first=first).code == 0
    goes_on(desk)


@pytest.mark.parametrize("link", [False, True], ids=["no link", "e-mailed"])
def test_first_meets_a_fault(desk: Desk, link: bool) -> None:
    """When one of the first rows is unknown the code is 5, though the run stopped early too."""
    lines = [Line(line.reference, link) for line in LINES]
    desk.server.on_create.append(creates_and_resets)
    ran = desk.run(lines, first=2)
    assert ran.stopped == (
        "Stopped as requested after the first rows ({count}). Check them, then run again "
        "without this limit to send the others."
    )
    assert ran.code == (5 if link else 6)
    assert sum(status == "not-sent" for status in ran.statuses().values()) == 28
    assert desk.run(lines).code == (5 if link else 0)
    assert max(desk.server.emailed.values(), default=0) <= 1


# ---------------------------------------------------------------------------------------------------------------
# Breakers


def answers_of(reference_of: Callable[[str], bytes]) -> Behaviour:
    """A refusal that names the row."""

    def behave(talk: Talk) -> None:
        assert talk.asked is not None
        talk.answer(400, reference_of(talk.asked.reference))

    return behave


def test_max_failures(desk: Desk) -> None:
    """After `--max-failures` rows in a row that were refused for one reason the rest is not sent, with 6."""
    desk.settings |= {"max_failures": "5", "concurrency": "1"}
    desk.server.on_create.append(created)
    desk.server.well_created = answers_of(lambda reference: f'{{"detail":"{reference} is refused"}}'.encode())
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped, len(desk.server.creations)) == (
        6,
        (
            "Stopped after consecutive rows were rejected for the same reason ({count}). The "
            "workbook gives the reason. The other rows were not sent. Run the same command "
            "again to resume."
        ),
        6,
    )
    assert sorted(ran.statuses().values()) == ["created"] + ["not-sent"] * 24 + ["rejected"] * 5
    goes_on(desk)


def test_failures_for_different_reasons(desk: Desk) -> None:
    """Rows that are refused for different reasons do not stop a run."""
    desk.settings |= {"max_failures": "2", "concurrency": "1"}
    desk.server.on_create.extend([answers(400), answers(422)] * 15)
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped) == (1, "")
    goes_on(desk)


def test_refusals_that_were_the_whole_sheet(desk: Desk) -> None:
    """When the last refusal of a sheet is the one too many, nothing was stopped: the run finished, with 1."""
    desk.settings["max_failures"] = "30"
    desk.server.well_created = answers(400)
    assert desk.run(LINES).code == 1


def test_forbidden_from_the_start(desk: Desk) -> None:
    """When the first 20 answers are all 403 the run stops with 4; the rest is not sent, the same command goes on."""
    desk.server.well_created = answers(403)
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped) == (
        4,
        (
            'The API answered "forbidden" (HTTP 403) to every request so far ({count}). '
            "Nothing more was sent. Ask Flinks whether your account can create e-Transfer "
            "requests, then run the same command again."
        ),
    )
    assert 20 <= len(desk.server.creations) <= 23
    assert set(ran.statuses().values()) == {"rejected", "not-sent"}
    goes_on(desk)


def test_forbidden_later(desk: Desk) -> None:
    """403s after a session are about their rows: they end with `--max-failures`, not with 4."""
    desk.settings["concurrency"] = "1"
    desk.server.on_create.append(created)
    desk.server.well_created = answers(403)
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped, len(desk.server.creations)) == (
        6,
        (
            "Stopped after consecutive rows were rejected for the same reason ({count}). The "
            "workbook gives the reason. The other rows were not sent. Run the same command "
            "again to resume."
        ),
        21,
    )
    goes_on(desk)


@pytest.mark.parametrize("link", [False, True], ids=["no link", "e-mailed"])
def test_twenty_uncertain_answers(desk: Desk, link: bool) -> None:
    """After 20 uncertain answers in a row nothing more is sent, so that no more rows need a person; the code is 5."""
    lines = [Line(line.reference, link) for line in LINES]
    desk.server.well_created = creates_and_resets
    ran = desk.run(lines)
    assert (ran.code, ran.stopped) == (
        5,
        (
            "Consecutive requests without a usable response: {count}. The API seems to be "
            "down. The run stopped so that no more rows become unknown. Run the same command "
            "again later."
        ),
    )
    assert 20 <= len(desk.server.creations) <= 23
    unknown = {reference for reference, status in ran.statuses().items() if status == "unknown"}
    assert set(ran.statuses().values()) == {"unknown", "not-sent"}
    assert unknown == set(desk.server.created)
    desk.server.well_created = created
    again = desk.run(lines)
    assert max(desk.server.emailed.values(), default=0) <= 1
    assert len([status for status in again.statuses().values() if status == "created"]) >= 30 - len(unknown)
    if link:
        assert {reference for reference, status in again.statuses().items() if status == "unknown"} == unknown


# ---------------------------------------------------------------------------------------------------------------
# --until and --rate, by the command itself


def test_until_and_rate_as_options(desk: Desk, command: Command) -> None:
    """`--until` in a minute or two and `--rate` hold for the command as it is typed; the same command goes on."""
    soon = datetime.now().astimezone() + timedelta(minutes=2)
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    args = ("run", sheet, "--yes", "-q", "--rate", "200", "--until", f"{soon:%H:%M}")
    began = time.monotonic()
    assert command(*args, env=desk.environment()).code == 0
    # 30 rows at 200 a second, one after the other in time.
    assert time.monotonic() - began >= 29 / 200
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


@pytest.mark.parametrize(("lang", "said"), [("en", "sending stops"), ("fr", "l'envoi s'arrête")])
@pytest.mark.parametrize("minutes", [-1, 2], ids=["just past", "soon"])
def test_until_is_said_with_its_date(desk: Desk, command: Command, lang: Lang, said: str, minutes: int) -> None:
    """A time that is just past means tomorrow's: before anything is sent it is said when sending stops."""
    meant = datetime.now().astimezone() + timedelta(minutes=minutes)
    resolved = meant if minutes > 0 else meant + timedelta(days=1)
    sheet = write_sheet(desk.folder / "sheet.csv", LINES[:1])
    done = command(
        "run", sheet, "--yes", "--until", f"{meant:%H:%M}", "--lang", lang, "-o", desk.folder / "o.xlsx",
        env=desk.environment(),
    )  # fmt: skip
    [line] = [line for line in done.err.splitlines() if said in line]
    assert f"{meant:%H:%M}" in line
    assert (str(resolved.date()) in line) == (resolved.date() != datetime.now().astimezone().date())


# ---------------------------------------------------------------------------------------------------------------
# What is said at the end


@pytest.mark.parametrize("options", [(), ("--log-json",)], ids=["text", "JSON lines"])
def test_a_long_pause_is_said_once(desk: Desk, command: Command, options: tuple[str, ...]) -> None:
    """When the API asks for a long pause it is said until when, once for all in flight; a signal ends the waiting."""

    def ends_the_waiting() -> None:
        process.terminate()

    told, is_first = threading.Timer(1.5, ends_the_waiting), threading.Lock()

    def asks_for_a_day(talk: Talk) -> None:
        talk.answer(429, headers={"Retry-After": "86400"})
        if is_first.acquire(blocking=False):
            told.start()

    desk.server.well_created = asks_for_a_day
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    process = command.start("run", sheet, "--yes", *options, env=desk.environment())
    out, err = process.communicate(timeout=120)
    assert process.returncode == 6
    assert (out + err).count("pause-asked" if options else "The API asks for a pause until") == 1
    goes_on(desk)


@pytest.mark.parametrize(("lang", "one", "two"), [
    ("en", "after the first rows (1)", "after the first rows (2)"),
    ("fr", "après les premières lignes (1)", "après les premières lignes (2)"),
])  # fmt: skip
def test_one_row_is_not_told_as_many(desk: Desk, command: Command, lang: Lang, one: str, two: str) -> None:
    """Sentences that count read as a person would write them, and no line ends with blanks."""
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    for first, said in (("1", one), ("2", two)):
        done = command("run", sheet, "--yes", "--first", first, "--lang", lang, env=desk.environment())
        assert (done.code, said in done.err) == (6, True), done.err
        assert [line for line in done.err.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("options", [(), ("--log-json",)], ids=["text", "JSON lines"])
def test_failed_rows_alone_say_why_the_code_is_6(desk: Desk, command: Command, options: tuple[str, ...]) -> None:
    """When rows certainly were not created and nothing else is left, a sentence says so and what to do."""
    desk.server.well_created = answers(429, headers={"Retry-After": "0"})
    sheet = write_sheet(desk.folder / "sheet.csv", LINES[:1])
    done = command("run", sheet, "--yes", "-q", *options, env=desk.environment())
    assert done.code == 6
    assert "Rows whose request was not created (failed): 1" in done.err
    assert '"code": "stopped-early"' in done.err or not options
    goes_on(desk, LINES[:1])
