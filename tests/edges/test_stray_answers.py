"""An answer that is none of ours decides nothing: one that was there before, that crosses the next request, or that
does not say whose it is.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.fault_server import Behaviour, FaultServer, Gone, Talk, answers
from support.run_fixture import Desk, Line

from pipeline.client.connection import Connection, Lost, SendMarker, Stale
from pipeline.client.transport import ALONE, AtMostOnceTransport, Timeouts
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import attempts

STRAY = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\n\r\n{"title": "No"}'
OTHER_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


# ---------------------------------------------------------------------------------------------------------------
# On a connection


async def _connected(server: socket.socket) -> tuple[Connection, socket.socket]:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, *server.getsockname()[:2])
    return connection, server.accept()[0]


def _readable_in_time(connection: Connection) -> None:
    """Wait, and keep the loop from reading, until something lies in the socket."""
    found = connection._transport.get_extra_info("socket")
    assert select.select([found.fileno()], [], [], 10)[0]


def test_what_a_server_says_before_it_is_asked_is_seen_before_the_request_leaves() -> None:
    """A new connection is looked at too: nothing is written on one on which something lies."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection, other = await _connected(server)
            with closing(other):
                other.sendall(STRAY)
                _readable_in_time(connection)
                mark = SendMarker()
                with pytest.raises(Stale):
                    await connection.exchange(b"POST / HTTP/1.1\r\n\r\n", 5, mark)
                assert not mark.left

    asyncio.run(run())


@pytest.mark.parametrize("already_there", [True, False], ids=["as soon as it was written", "a little later"])
def test_what_was_said_before_the_request_had_arrived_is_no_answer(already_there: bool) -> None:
    """What answers a request acknowledges it: what comes while it is not acknowledged was said before."""
    # More than the other end takes, so that it can't have acknowledged it, however quick it is.
    request = b"POST / HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000)

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection, other = await _connected(server)
            with closing(other):
                loop = asyncio.get_running_loop()
                if not already_there:
                    loop.call_later(0.05, other.sendall, STRAY)
                else:
                    threading.Timer(0.05, other.sendall, [STRAY]).start()
                    written = connection._transport.write

                    def write(content: bytes) -> None:
                        written(content)
                        _readable_in_time(connection)

                    connection._transport.write = write  # type: ignore[method-assign]
                mark = SendMarker()
                with pytest.raises(Lost, match="before the request had arrived"):
                    await connection.exchange(request, 5, mark)
                assert mark.left

    asyncio.run(run())


def test_a_request_that_has_its_connection_alone_shares_it_with_nothing() -> None:
    """It takes no kept connection and leaves none behind."""
    with FaultServer() as server:

        async def asked() -> None:
            transport = AtMostOnceTransport(connections=4, timeouts=Timeouts(20, 20))
            for alone in (False, True, True, False):
                request = httpx.Request("GET", f"{server.url}/x")
                request.extensions |= {ALONE: True} if alone else {}
                await transport.handle_async_request(request)
            await transport.aclose()

        asyncio.run(asked())
        assert server.connections == 3


# ---------------------------------------------------------------------------------------------------------------
# On a row


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with FaultServer() as server:
        yield Desk(tmp_path, server, {"concurrency": "2"})


def _answers_and_once_more(stray: bytes, after: float | None) -> Behaviour:
    """Create and answer; then say something unasked, so long after, or as the next request begins to arrive."""

    def behave(talk: Talk) -> None:
        talk.answer_created()
        if after is None:
            talk.wait_for_bytes()
        else:
            talk.server.stopping.wait(after)
        talk.send(stray)

    return behave


@pytest.mark.parametrize("after", [0.0, 0.001, 0.003, 0.01, None], ids=str)
@pytest.mark.parametrize(
    "stray",
    [STRAY, Talk.answer_bytes(201, {"sessionId": OTHER_ID}), Talk.answer_bytes(429), Talk.answer_bytes(401)],
    ids=["400", "201 without a reference", "429", "401"],
)
def test_a_stray_answer_decides_nothing_where_an_email_may_leave(desk: Desk, after: float | None, stray: bytes) -> None:
    """Whenever it comes, and whatever it says: each payor is asked once, and each row has its own session."""
    desk.server.well_created = _answers_and_once_more(stray, after)
    lines = [Line(f"INV-{number}", link=True) for number in range(12)]
    ran = desk.run(lines)
    assert (ran.code, set(ran.statuses().values())) == (0, {"created"})
    assert desk.server.emailed == {line.reference: 1 for line in lines}
    assert {row.session_id: reference for reference, row in ran.rows.items()} == desk.server.sessions


def _without_a_reference(talk: Talk) -> None:
    talk.answer(201, {"sessionId": talk.create(), "referenceId": None})


def _told(**members: Any) -> Behaviour:
    """Answer to `details` as documented, but for these members."""

    def behave(talk: Talk) -> None:
        assert talk.asked is not None
        session_id = talk.asked.path.split("/")[-2]
        payor = {"email": f"{talk.server.sessions[session_id].lower()}@example.com"}
        reference = talk.server.sessions[session_id]
        whole = {"sessionId": session_id, "referenceId": reference, "status": "Initiated", "payor": payor, "amount": 10}
        talk.answer(200, whole | members)

    return behave


def _lost(talk: Talk) -> None:
    talk.close()
    raise Gone


@pytest.mark.parametrize(
    ("script", "status"),
    [
        pytest.param([_told()], "created", id="it is ours"),
        pytest.param([answers(500), _lost, _told()], "created", id="it is ours, at the third try"),
        pytest.param([answers(401), _told()], "created", id="it is ours, once the token is new"),
        pytest.param([_told(referenceId=None)], "created", id="no reference, our payor and amount"),
        pytest.param([_told(referenceId="INV-2")], "unknown", id="another's reference"),
        pytest.param([_told(sessionId=OTHER_ID)], "unknown", id="another session"),
        pytest.param([_told(sessionId=None)], "unknown", id="no session"),
        pytest.param([_told(referenceId="", payor=None)], "unknown", id="an empty reference, and nobody"),
        pytest.param([_told(referenceId=None, amount=99)], "unknown", id="another amount"),
        pytest.param([_told(referenceId=None, payor={"email": "x@example.com"})], "unknown", id="another payor"),
        pytest.param([_told(referenceId=None, payor=None)], "unknown", id="nobody"),
        pytest.param([answers(404)] * 9, "unknown", id="not known"),
        pytest.param([answers(500)] * 9, "unknown", id="out of order"),
        pytest.param([answers(200, b"<html>")], "unknown", id="a page"),
    ],
)
def test_an_answer_without_a_reference_is_checked_where_an_email_left(
    desk: Desk, script: list[Callable[..., Any]], status: str
) -> None:
    """`details` shows whose the session is, else the row is unknown, and the session is named for a person."""
    desk.server.on_create.append(_without_a_reference)
    desk.server.on_other += script
    ran = desk.run([Line("INV-1", link=True)])
    row = ran.rows["INV-1"]
    assert (ran.status("INV-1"), row.attempts, desk.server.emailed["INV-1"]) == (status, 1, 1)
    notices = {notice.code: dict(notice.details) for notice in row.notices}
    (session_id,) = desk.server.sessions
    if status == "created":
        assert (row.session_id, list(notices)) == (session_id, ["reference-not-echoed"])
    else:
        assert notices["session-unconfirmed"] == {"session": session_id}
    again = desk.run([Line("INV-1", link=True)])
    assert again.status("INV-1") == {"created": "already-created"}.get(status, status)
    assert desk.server.emailed["INV-1"] == 1


def test_its_session_is_on_record_before_anything_is_asked(desk: Desk) -> None:
    """Whatever happens while `details` is asked, the id that nobody can ask for again is not lost."""
    on_record: list[Any] = []

    def look(talk: Talk) -> None:
        with open_journal(desk.place) as journal, journal.engine.connect() as connection:
            on_record.extend(connection.execute(attempts.select()).all())
        _told()(talk)

    desk.server.on_create.append(_without_a_reference)
    desk.server.on_other.append(look)
    assert desk.run([Line("INV-1", link=True)]).code == 0
    (record,) = on_record
    (session_id,) = desk.server.sessions
    assert (record.outcome, session_id in record.reasons) == ("perhaps", True)


def test_nothing_is_asked_where_nobody_was_emailed(desk: Desk) -> None:
    """Only where an e-mail may have left is it worth a call for each row."""
    desk.server.well_created = _without_a_reference
    ran = desk.run([Line("INV-1"), Line("INV-2")])
    assert (ran.code, set(ran.statuses().values())) == (0, {"created"})
    assert not [asked for asked in desk.server.requests if asked.path.endswith("/details")]
