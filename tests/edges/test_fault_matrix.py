"""Every line of "What an answer means" (API notes), through the real use case, against a server that misbehaves.

What the row comes to, what the server created for its reference, and what the same command does next.
What is expected is worked out here from the API notes alone, not from the code under test.
"""

import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from support.fault_server import (
    Behaviour,
    FaultServer,
    Gone,
    Talk,
    Unread,
    answers,
    closes_unread,
    created,
    created_then_closed,
    created_then_reset_when_reused,
    created_twice_said,
    creates_and_answers,
    creates_and_closes,
    creates_and_hangs,
    creates_and_resets,
    creates_and_says,
    creates_and_trickles,
    hangs,
    resets_on_first_byte,
    resets_unread,
)
from support.ports import own_port
from support.run_fixture import Desk, Line, Ran, check_truth

from pipeline.domain.model import Outcome
from pipeline.journal import attempts, planning, queries
from pipeline.journal.attempts import Intent
from pipeline.journal.journal import open_journal

OTHER_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ROW = "INV-1"
LINKS = pytest.mark.parametrize("link", [False, True], ids=["no link", "e-mailed"])


@dataclass(frozen=True, slots=True)
class Fault:
    """What the server does with one request, what that means by the API notes, and how often it creates."""

    behaviour: Behaviour | Unread
    means: str
    creates: int


def reference(talk: Talk) -> str:
    assert talk.asked is not None
    return talk.asked.reference


def _date_soon(talk: Talk) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    talk.answer(429, {"title": "Too Many Requests"}, {"Retry-After": moment})


def _another_reference(talk: Talk) -> None:
    talk.create()
    talk.answer(201, {"sessionId": OTHER_ID, "referenceId": "INV-OTHER"})


def _null_reference(talk: Talk) -> None:
    talk.answer(201, {"sessionId": talk.create(), "referenceId": None})


def _two_hundred(talk: Talk) -> None:
    talk.answer(200, {"sessionId": talk.create(), "referenceId": reference(talk)})


def _no_id(talk: Talk) -> None:
    talk.create()
    talk.answer(201, {"referenceId": reference(talk)})


def _bad_id(talk: Talk) -> None:
    talk.create()
    talk.answer(201, {"sessionId": "7", "referenceId": reference(talk)})


def _resets_after_reading(talk: Talk) -> None:
    talk.reset()
    raise Gone


def _half_a_body(talk: Talk) -> None:
    session_id = talk.create()
    whole = talk.answer_bytes(201, {"sessionId": session_id, "referenceId": reference(talk)})
    talk.send(whole[:-30])
    talk.close()
    raise Gone


def _too_long_a_length(talk: Talk) -> None:
    session_id = talk.create()
    whole = talk.answer_bytes(201, {"sessionId": session_id, "referenceId": reference(talk)})
    talk.send(whole.replace(b"Content-Length: ", b"Content-Length: 1"))
    talk.close()
    raise Gone


def _too_short_a_length(talk: Talk) -> None:
    session_id = talk.create()
    whole = talk.answer_bytes(201, {"sessionId": session_id, "referenceId": reference(talk)}, {"Content-Length": "40"})
    talk.send(whole)
    talk.close()
    raise Gone


TRAILING = b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nRetry-After: 0\r\n\r\n"
HTML = b"<html><body>We will be back shortly</body></html>"
YES, NO, TOKEN, DENIED, PERHAPS, MISNAMED = "yes", "no", "token", "denied", "perhaps", "misnamed"
"""What an answer means. MISNAMED: a session of another reference, "always `unknown`"."""

FAULTS = {
    "201": Fault(created, YES, 1),
    "200 in place of 201": Fault(_two_hundred, YES, 1),
    "null reference": Fault(_null_reference, YES, 1),
    "429 with seconds": Fault(answers(429, HTML, {"Retry-After": "0"}), NO, 0),
    "429 with a date": Fault(_date_soon, NO, 0),
    "429 that says nothing": Fault(answers(429), NO, 0),
    "503 with Retry-After": Fault(answers(503, HTML, {"Retry-After": "0"}), NO, 0),
    "401": Fault(answers(401, {"title": "Unauthorized"}), TOKEN, 0),
    **{str(status): Fault(answers(status, {"title": "No"}), DENIED, 0) for status in (400, 403, 404, 409, 413, 422)},
    "refused in HTML": Fault(answers(400, HTML), DENIED, 0),
    "503 with Retry-After behind its body": Fault(creates_and_says(TRAILING), PERHAPS, 1),
    "503 without Retry-After": Fault(creates_and_answers(503), PERHAPS, 1),
    "503 with a Retry-After that can't be read": Fault(answers(503, b"", {"Retry-After": "soon"}), PERHAPS, 0),
    "500": Fault(answers(500, HTML), PERHAPS, 0),
    "500 after creation": Fault(creates_and_answers(500, HTML), PERHAPS, 1),
    "502": Fault(creates_and_answers(502, HTML), PERHAPS, 1),
    "504": Fault(creates_and_answers(504, HTML), PERHAPS, 1),
    "301": Fault(creates_and_answers(301, b"", {"Location": "/api/v2/sessions"}), PERHAPS, 1),
    "307": Fault(creates_and_answers(307, b"", {"Location": "/api/v2/sessions"}), PERHAPS, 1),
    "308": Fault(creates_and_answers(308, b"", {"Location": "/api/v2/sessions"}), PERHAPS, 1),
    "HTML with 201": Fault(creates_and_answers(201, HTML), PERHAPS, 1),
    "nothing with 201": Fault(creates_and_answers(201), PERHAPS, 1),
    "no id": Fault(_no_id, PERHAPS, 1),
    "an id that is no UUID": Fault(_bad_id, PERHAPS, 1),
    "a list": Fault(creates_and_answers(201, [OTHER_ID]), PERHAPS, 1),
    "another reference": Fault(_another_reference, MISNAMED, 1),
    "hangs": Fault(hangs, PERHAPS, 0),
    "hangs after creation": Fault(creates_and_hangs, PERHAPS, 1),
    "trickles": Fault(creates_and_trickles, PERHAPS, 1),
    "resets after reading": Fault(_resets_after_reading, PERHAPS, 0),
    "resets after creation": Fault(creates_and_resets, PERHAPS, 1),
    "closes after creation": Fault(creates_and_closes, PERHAPS, 1),
    "half a header": Fault(creates_and_says(b"HTTP/1.1 201 Created\r\nContent-Le"), PERHAPS, 1),
    "half a body": Fault(_half_a_body, PERHAPS, 1),
    "too long a length": Fault(_too_long_a_length, PERHAPS, 1),
    "too short a length": Fault(_too_short_a_length, PERHAPS, 1),
    "no HTTP": Fault(creates_and_says(b"220 mail.example.com ESMTP\r\n"), PERHAPS, 1),
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What a row must come to: its status, its attempts, what the server created in all."""

    status: str
    attempts: int
    created: int


def fate(script: list[Fault], *, link: bool, before: int = 0) -> Fate:
    """The API notes, line by line: `script` is what happens to one try after the other, then all is well.

    `before` are uncertain tries of earlier runs, each of which made a session.
    """
    uncertain, made = before, before
    if before and link:
        return Fate("unknown", before, made)
    for tries, fault in enumerate([*script, GOOD], 1):
        made += fault.creates
        means = PERHAPS if fault.means == TOKEN and uncertain else fault.means
        match means:
            case "yes":
                return Fate("created", before + tries, made)
            case "denied":
                return Fate("unknown" if uncertain else "rejected", before + tries, made)
            case "misnamed":
                return Fate("unknown", before + tries, made)
            case "perhaps":
                uncertain += 1
                if link or uncertain == 3:
                    return Fate("unknown", before + tries, made)
    raise AssertionError("the last one is good")


def next_fate(first: Fate, script: list[Fault], *, link: bool, before: int) -> Fate:
    """What the same command makes of a row in its second run, all being well."""
    if first.status == "created":
        return replace(first, status="already-created")
    uncertain = before
    for fault in script:
        uncertain += fault.means == PERHAPS or (fault.means == TOKEN and uncertain > 0)
    misnamed = any(fault.means == MISNAMED for fault in script)
    if first.status == "unknown" and (link or misnamed or uncertain >= 3):
        return first
    return Fate("created", first.attempts + 1, first.created + 1)


CODES = {"created": 0, "already-created": 0, "rejected": 1, "failed": 6, "unknown": 5}
LOST = Fault(creates_and_resets, PERHAPS, 1)
BUSY = Fault(answers(429, b"", {"Retry-After": "0"}), NO, 0)
GOOD = FAULTS["201"]


@dataclass(frozen=True, slots=True)
class When:
    """At which try of a row its fault happens: after these, and after so many that a crash has cut off."""

    after: tuple[Fault, ...] = ()
    cut_off: int = 0


WHENS = {
    "first try": When(),
    "after an uncertain try": When((LOST,)),
    "after a restart": When(cut_off=1),
    "after two restarts": When(cut_off=2),
}


@dataclass(slots=True)
class Played:
    """What two runs of one sheet came to, in which each row met a fault of its own, good rows between them."""

    when: When
    link: bool
    codes: tuple[int, int]
    fates: tuple[dict[str, Fate], dict[str, Fate]]
    notices: dict[str, set[str]]
    emailed: Counter[str]
    sessions: dict[str, str]
    workbook: dict[str, str]


REFERENCES = {name: f"INV-{number}" for number, name in enumerate(FAULTS)}


PLAYS = [(name, link) for name in WHENS for link in (False, True) if not (link and name == "after two restarts")]


@pytest.fixture(scope="module", params=PLAYS, ids=lambda play: f"{play[0]}, {'e-mailed' if play[1] else 'no link'}")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    name, link = request.param
    when = WHENS[name]
    lines = [
        line for reference in REFERENCES.values() for line in (Line(reference, link), Line(f"WELL-{reference}", link))
    ]
    with FaultServer() as server:
        desk = Desk(tmp_path_factory.mktemp("played"), server, {"concurrency": "8"})
        if when.cut_off:
            cut_off(desk, lines, [*REFERENCES.values()], tries=when.cut_off)
        for fault, met in FAULTS.items():
            script = [*when.after, met]
            server.on_reference[REFERENCES[fault]] = deque(each.behaviour for each in script)  # type: ignore[misc]
        first = desk.run(lines)
        fates_first = fates(first, server)
        server.on_reference = {}
        second = desk.run(lines)
        return Played(
            when,
            link,
            (first.code, second.code),
            (fates_first, fates(second, server)),
            {key: {notice.code for notice in row.notices} for key, row in first.rows.items()},
            server.emailed.copy(),
            dict(server.sessions),
            check_truth(desk.folder / "sheet.results.xlsx", [line.reference for line in lines], server.sessions),
        )


def fates(ran: Ran, server: FaultServer) -> dict[str, Fate]:
    return {key: Fate(str(row.status), row.attempts, server.created[key]) for key, row in ran.rows.items()}


def expected_fates(played: Played, name: str) -> tuple[Fate, Fate]:
    script, before = [*played.when.after, FAULTS[name]], played.when.cut_off
    first = fate(script, link=played.link, before=before)
    met = script[: first.attempts - before]
    return first, next_fate(first, met, link=played.link, before=before)


@pytest.mark.parametrize("name", FAULTS)
def test_each_answer_means_what_the_api_notes_say(played: Played, name: str) -> None:
    """A row's status, its attempts and what the server created are those of the API notes, in both runs."""
    first, second = expected_fates(played, name)
    reference = REFERENCES[name]
    assert played.fates[0][reference] == first
    assert played.fates[1][reference] == second
    assert played.workbook[reference] == second.status
    if first.status == "created" and first.created > 1:
        assert "possible-orphan" in played.notices[reference]


def test_nobody_is_asked_twice(played: Played) -> None:
    """Where the API e-mails the link, no reference is created twice; where it does not, three times at most."""
    assert max(played.emailed.values(), default=0) <= 1
    assert all(each.created <= 3 for each in played.fates[0].values())


def test_rows_without_a_fault_are_not_disturbed(played: Played) -> None:
    """Whatever happens to their neighbours, good rows are created once, at their first or a certain try."""
    for key, each in played.fates[1].items():
        if key.startswith("WELL"):
            assert (each.status, each.created) == ("already-created", 1)


def test_the_exit_code_is_the_most_serious(played: Played) -> None:
    """A run ends with 5 when a row is unknown, else with 1 when one was rejected, else with 0."""
    for code, after in zip(played.codes, played.fates, strict=True):
        assert code == max((CODES[each.status] for each in after.values()), key=(0, 1, 6, 5).index)


# ---------------------------------------------------------------------------------------------------------------
# One row at a time


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "1"})


def play(server: FaultServer, script: list[Fault]) -> None:
    """Let these things happen to the coming requests for a session."""
    server.on_create.clear()
    server.on_create.extend(fault.behaviour for fault in script)


def cut_off(desk: Desk, lines: list[Line], references: list[str], *, tries: int = 1) -> None:
    """The journal and the server as `kill -9` leaves them: intents without an outcome, whose sessions were made."""
    assert set(desk.run(lines, until=datetime.now(UTC)).statuses().values()) == {"not-sent"}
    links = {line.reference: line.link for line in lines}
    with open_journal(desk.place) as journal:
        (batch,) = journal.read(queries.batch_lines)
        assert batch.last_run is not None
        rows = journal.read(planning.to_send, batch.last_run, batch.id, -1, len(lines))
        for row in (row for row in rows if row.payment.reference_id in references):
            for number in range(1, tries + 1):
                intent = Intent(
                    batch.id,
                    batch.last_run,
                    row.identity,
                    number,
                    row.number,
                    row.payment,
                    row.fingerprint,
                    datetime.now(UTC),
                )
                with journal.engine.begin() as connection:
                    attempts.intend(connection, [intent])
                reference = row.payment.reference_id
                desk.server.created[reference] += 1
                desk.server.emailed[reference] += links[reference]


OF_EACH_KIND = ["201", "503 with Retry-After", "401", "400", "500 after creation", "trickles", "another reference"]


@pytest.mark.parametrize("name", OF_EACH_KIND)
@LINKS
def test_after_a_certain_failure(desk: Desk, name: str, link: bool) -> None:
    """An answer means the same after a try that certainly created nothing."""
    script = [BUSY, FAULTS[name]]
    play(desk.server, script)
    expected = fate(script, link=link)
    ran = desk.run([Line(ROW, link)])
    assert fates(ran, desk.server) == {ROW: expected}
    assert ran.code == CODES[expected.status]
    again = desk.run([Line(ROW, link)])
    assert fates(again, desk.server) == {ROW: next_fate(expected, script, link=link, before=0)}


BEFORE_READING = {"reset": Fault(resets_unread, PERHAPS, 0), "closed": Fault(closes_unread, PERHAPS, 0)}


@pytest.mark.parametrize("name", BEFORE_READING)
@LINKS
def test_a_request_that_was_not_read(desk: Desk, name: str, link: bool) -> None:
    """A connection that ends before the request was read is uncertain all the same: who knows what was read."""
    play(desk.server, [BEFORE_READING[name]])
    expected = fate([BEFORE_READING[name]], link=link)
    assert fates(desk.run([Line(ROW, link)]), desk.server) == {ROW: expected}
    assert desk.run([Line(ROW, link)]).status(ROW) == next_fate(expected, [], link=link, before=0).status


@pytest.mark.parametrize("name", ["201", "429 with seconds", "401", "400", "500", "hangs after creation"])
@LINKS
def test_the_exit_code_of_one_row(desk: Desk, name: str, link: bool) -> None:
    """A sheet of one row ends with the exit code of that row's status."""
    play(desk.server, [FAULTS[name]])
    ran = desk.run([Line(ROW, link)])
    assert ran.code == CODES[fate([FAULTS[name]], link=link).status]


def test_three_restarts(desk: Desk) -> None:
    """Tries that were cut off count too: after the third a row is unknown, whoever delivers the link."""
    cut_off(desk, [Line(ROW)], [ROW], tries=3)
    ran = desk.run([Line(ROW)])
    assert (ran.status(ROW), ran.code, desk.server.created[ROW]) == ("unknown", 5, 3)
    assert desk.server.creations == []


LASTING = {
    "lost": Fate("unknown", 3, 3),
    "hanging": Fate("unknown", 3, 0),
    "another reference": Fate("unknown", 1, 1),
    "throttled": Fate("failed", 10, 0),
    "busy": Fate("failed", 10, 0),
    "denied": Fate("rejected", 1, 0),
}
LASTING_BEHAVIOURS = {
    "lost": creates_and_resets,
    "hanging": hangs,
    "another reference": _another_reference,
    "throttled": answers(429, b"", {"Retry-After": "0"}),
    "busy": answers(503, b"", {"Retry-After": "0"}),
    "denied": answers(400),
}


@pytest.mark.parametrize("name", LASTING)
def test_to_the_end(desk: Desk, name: str) -> None:
    """A fault that does not pass ends in the status that the API notes give it, after a bounded number of tries."""
    desk.server.well_created = LASTING_BEHAVIOURS[name]
    ran = desk.run([Line(ROW)])
    assert fates(ran, desk.server) == {ROW: LASTING[name]}
    assert ran.code == CODES[LASTING[name].status]
    desk.server.well_created = created
    again = desk.run([Line(ROW)])
    if ran.status(ROW) == "unknown":
        assert (again.status(ROW), again.code) == ("unknown", 5)
        assert desk.server.created[ROW] == LASTING[name].created
    else:
        assert (again.status(ROW), again.code, desk.server.created[ROW]) == ("created", 0, 1)


@LINKS
def test_an_answer_for_another_reference_is_kept_for_people(desk: Desk, link: bool) -> None:
    """The session that came for another reference stands in the notices of its row, and nowhere as its session."""
    play(desk.server, [FAULTS["another reference"]])
    ran = desk.run([Line(ROW, link)])
    row = ran.rows[ROW]
    assert (ran.code, row.session_id) == (5, "")
    assert OTHER_ID in dict(row.notices[0].details).values()
    assert all(OTHER_ID not in dict(fault.details).values() for fault in row.errors)


def test_a_refusal_after_an_uncertain_try_is_told(desk: Desk) -> None:
    """A row that is unknown because of an earlier try still says why the API refused the last one."""
    play(desk.server, [LOST, Fault(answers(422, {"errors": {"Payor.Email": ["blocked"]}}), DENIED, 0)])
    ran = desk.run([Line(ROW)])
    assert ran.status(ROW) == "unknown"
    assert [(fault.code, fault.field) for fault in ran.rows[ROW].errors] == [("unknown-lost", ""), ("refused", "email")]


TITLE, DETAIL, MISTAKES = "Bad request", "The payor is blocked.", {"Payor.Email": ["not taken"], "amount": ["too much"]}
REFUSALS = {
    "all three": (
        {"title": TITLE, "detail": DETAIL, "errors": MISTAKES},
        ["not taken (Bad request: The payor is blocked.)", "too much"],
    ),
    "errors and a title": ({"title": TITLE, "errors": MISTAKES}, ["not taken (Bad request)", "too much"]),
    "title and detail": ({"title": TITLE, "detail": DETAIL}, ["Bad request: The payor is blocked."]),
    "one said twice": ({"title": DETAIL, "detail": DETAIL}, ["The payor is blocked."]),
    "only errors": ({"errors": MISTAKES}, ["not taken", "too much"]),
}


@pytest.mark.parametrize(("problem", "told"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_whole(desk: Desk, problem: dict[str, Any], told: list[str]) -> None:
    """Title, detail and errors are shown when they are there (API notes, "Create a session"), each once."""
    play(desk.server, [Fault(answers(400, problem), DENIED, 0)])
    errors = desk.run([Line(ROW)]).rows[ROW].errors
    assert [dict(fault.details)["message"] for fault in errors] == told
    assert [fault.field for fault in errors] == (["email", "amount"] if "errors" in problem else [""])


@pytest.mark.parametrize("name", ["hangs after creation", "half a header", "500", "another reference"])
@LINKS
def test_resend_unknown(desk: Desk, name: str, link: bool) -> None:
    """`--resend-unknown` creates an unknown row once more, says that there may be two, and then it is done."""
    play(desk.server, [FAULTS[name]] * 3)
    assert desk.run([Line(ROW, link)]).status(ROW) == "unknown"
    before = desk.server.created[ROW]
    desk.server.on_create.clear()
    again = desk.run([Line(ROW, link)], resend_unknown=True)
    assert (again.status(ROW), again.code, desk.server.created[ROW]) == ("created", 0, before + 1)
    codes = {notice.code for notice in again.rows[ROW].notices}
    assert ("resent-unknown" if link else "possible-orphan") in codes
    last = desk.run([Line(ROW, link)], resend_unknown=True)
    assert (last.status(ROW), desk.server.created[ROW]) == ("already-created", before + 1)


# ---------------------------------------------------------------------------------------------------------------
# Connections


def authorized_and_closed(talk: Talk) -> None:
    """A token, and no connection kept: the next request needs a new one."""
    talk.answer(200, {"access_token": "token", "expires_in": 599}, {"Connection": "close"})
    talk.close()
    raise Gone


@pytest.mark.slow
def test_the_api_refuses_connections(tmp_path: Path) -> None:
    """What finds no connection to the end is `failed` and certainly not created; later the same command creates it."""
    with FaultServer(_listening=socket.create_server(("127.0.0.1", own_port()), backlog=64)) as server:

        def goes_away(talk: Talk) -> None:
            with suppress(OSError):
                server._listening.shutdown(socket.SHUT_RDWR)
            server._listening.close()
            authorized_and_closed(talk)

        server.on_authorize.append(goes_away)
        desk = Desk(tmp_path, server)
        ran = desk.run([Line(ROW, link=True), Line("INV-2")])
        assert ran.statuses() == {ROW: "failed", "INV-2": "failed"}
        assert (ran.code, ran.rows[ROW].attempts, server.created.total()) == (6, 5, 0)
    back = FaultServer(_listening=socket.create_server(("127.0.0.1", server.port), backlog=64))
    with back:
        again = Desk(tmp_path, back).run([Line(ROW, link=True), Line("INV-2")])
    assert (again.code, again.statuses()) == (0, {ROW: "created", "INV-2": "created"})
    assert back.created == {ROW: 1, "INV-2": 1}


@LINKS
@pytest.mark.parametrize("reset", [resets_on_first_byte, Talk.reset], ids=["at the first byte", "at once"])
def test_a_new_connection_is_reset(desk: Desk, reset: Callable[[Talk], None], link: bool) -> None:
    """A connection that is reset before the server read a byte is at worst uncertain, and nobody is asked twice."""
    desk.server.on_authorize.append(authorized_and_closed)
    desk.server.on_connect += [Talk.serve, reset]
    ran = desk.run([Line(ROW, link)])
    row = ran.rows[ROW]
    # Whether the reset came before the first byte was written is the kernel's to say; either way the row agrees.
    assert str(row.status) == "created" or (link and str(row.status) == "unknown")
    assert desk.server.created[ROW] == (str(row.status) == "created")
    assert ran.code == CODES[str(row.status)]


KEPT = {
    "closed after the answer": created_then_closed,
    "reset as it is reused": created_then_reset_when_reused,
    "answers once more unasked": created_twice_said,
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@LINKS
def test_a_kept_connection_goes_bad(desk: Desk, kept: Behaviour, link: bool) -> None:
    """A request on a kept connection that goes bad leaves once at most: no library sends it a second time by itself."""
    lines = [Line(f"INV-{number}", link) for number in range(8)]
    desk.server.on_reference = {f"INV-{number}": deque([kept]) for number in range(0, 8, 2)}
    ran = desk.run(lines)
    read = [asked.reference for asked in desk.server.creations]
    for line in lines:
        row = ran.rows[line.reference]
        made = desk.server.created[line.reference]
        assert read.count(line.reference) <= row.attempts
        if link:
            assert made <= 1
            assert row.attempts == 1 or made == 1
        assert str(row.status) == "created" or (link and str(row.status) == "unknown")
        if str(row.status) == "created":
            assert desk.server.sessions[row.session_id] == line.reference
    before = desk.server.created.copy()
    again = desk.run(lines)
    assert desk.server.created == before
    assert {str(row.status) for row in again.rows.values()} <= {"already-created", "unknown"}


@pytest.mark.parametrize("outcome", [Outcome.OPEN, Outcome.UNKNOWN])
def test_a_changed_row_after_a_second_try(desk: Desk, outcome: Outcome) -> None:
    """A row that got its session at its second try is held when its amount changes: the first try asks for nothing."""
    if outcome is Outcome.OPEN:
        cut_off(desk, [Line(ROW)], [ROW])
    else:
        play(desk.server, [LOST])
    assert desk.run([Line(ROW)]).status(ROW) == "created"
    before = desk.server.created[ROW]
    changed = desk.run([Line(ROW, amount="20.00")])
    assert (changed.status(ROW), changed.code, desk.server.created[ROW]) == ("held", 1, before)
