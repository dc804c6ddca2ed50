"""Answers of every kind, over sockets and TLS, drawn by chance: whatever the API says, the promises hold.

The server keeps to the one thing that the API notes call certain: where its answer says that nothing was created, it
created nothing. All else is chance: what it creates, what it says about it, in which pieces, how it ends, what it says
unasked. `make chaos` runs it for longer.
"""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from support.chaos import until_time_is_up
from support.fault_server import FaultServer, Gone, Talk, authorized, details, resets_at_once
from support.run_fixture import Desk, Line, Ran, check_truth

from pipeline.journal.journal import open_journal
from pipeline.journal.tables import attempts

TLS = Path(__file__).parents[1] / "support" / "tls"
ROWS = 24

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

NOTHING_CREATED = (400, 401, 403, 404, 409, 413, 422, 429, 503)
"""Answers that say so; 503 with a wish that can be read."""
PERHAPS = (100, 200, 201, 202, 204, 226, 300, 301, 302, 304, 307, 308, 402, 405, 408, 418, 451, 500, 502, 503, 504, 599)
UNREADABLE = (
    "soon",
    "-5",
    "1,5",
    "NaN",
    "",
    "9" * 20 + "x",
    "2026-11-24T18:00:00Z",
    "Tue, 24 Nov 2026 18:00:30 +9999999",
)
READABLE = ("0", "0.01", "Tue, 24 Nov 2020 18:00:00 GMT", "Tuesday, 24-Nov-20 18:00:00 GMT")
ODD_HEADERS = (
    ("Date", "yesterday"),
    ("Date", "Tue, 24 Nov 2026 18:00:30 +99999999999999"),
    ("Content-Encoding", "utf-8"),
    ("Content-Type", "\xe9\xff"),
    ("Set-Cookie", "a=b"),
    ("Location", "/api/v2/sessions"),
    ("Connection", "close"),
    ("X-Odd", "x" * 3000),
)


class Chaos:
    """What the server does, by chance. Each connection's thread draws for itself."""

    def __init__(self, rng: Random, *, strays: bool) -> None:
        self.rng = rng
        self.strays = strays

    def create(self, talk: Talk) -> None:
        rng = self.rng
        draw = rng.random()
        if draw < 0.4:
            self._say(talk, 201, self._created(talk, talk.create(), odd=False), [])
        elif draw < 0.55:
            status = rng.choice(NOTHING_CREATED)
            wish = [("Retry-After", rng.choice(READABLE))] if status in {429, 503} else []
            self._say(talk, status, self._problem(), wish)
        else:
            made = talk.create() if rng.random() < 0.6 else ""
            rng.choice([self._odd_answer, self._odd_answer, self._broken_off, self._silent])(talk, made)

    def other(self, talk: Talk) -> None:
        """`details`: as it should be, of another, or nothing of use."""
        draw = self.rng.random()
        if draw < 0.5:
            details(talk)
        elif draw < 0.8:
            self._say(talk, self.rng.choice([200, *PERHAPS, 404]), self._created(talk, str(uuid4()), odd=True), [])
        else:
            self._silent(talk, "")

    def authorize(self, talk: Talk) -> None:
        if self.rng.random() < 0.9:
            authorized(talk)
        else:
            wish = [("Retry-After", self.rng.choice([*READABLE, *UNREADABLE]))]
            self._say(talk, self.rng.choice([429, 500, 503]), self._problem(), wish)

    def connect(self) -> Callable[[Talk], None]:
        return self.rng.choices([Talk.serve, resets_at_once, never_speaks_again], [18, 1, 1])[0]

    # What it says

    def _created(self, talk: Talk, session_id: str, *, odd: bool) -> bytes:
        """The answer to a creation; an odd one may lack what it should have, or name another.

        It never says that another's session has our reference: against a lie there is no help. Nor does it leave the
        reference of another's session out where nobody is e-mailed (docs/guarantees.md).
        """
        assert talk.asked is not None
        ours, emailed = "", False
        if talk.asked.path.endswith("/sessions"):
            ours = talk.asked.reference
            emailed = bool(talk.asked.json["options"]["notificationPreferences"]["sendInteracLink"])
        if not odd:
            return json.dumps({"sessionId": session_id, "referenceId": ours}).encode()
        named = self.rng.choice([None, 7, "", "x", session_id, session_id, *list(talk.server.sessions)[:2]])
        echoes: list[Any] = [ours, None, "", 7, 10**30, [ours], f"{ours}0"]
        if named != session_id or named not in talk.server.sessions:
            theirs = talk.server.sessions.get(str(named), f"{ours}0")
            echoes = [theirs, theirs, *[None] * (emailed or self.strays)]
        word: Any = self.rng.choice(["Initiated", "\0", None, {}])
        return json.dumps({"sessionId": named, "referenceId": self.rng.choice(echoes), "status": word}).encode()

    def _problem(self) -> bytes:
        """A refusal that explains itself, or anything else."""
        deep = b"[" * 3000 + b"]" * 3000
        told = {"title": "No", "errors": {"Payor.Email": ["bad", "\0", 10**30, None], "\ud800": {}}}
        return self.rng.choice([b"", b"<html>", json.dumps(told).encode(), deep, self.rng.randbytes(200)])

    def _odd_answer(self, talk: Talk, made: str) -> None:
        headers = self.rng.sample(ODD_HEADERS, self.rng.randrange(3))
        headers += [("Retry-After", self.rng.choice(UNREADABLE)) for _ in range(self.rng.randrange(2))]
        if self.rng.random() < 0.1:
            headers += [("Retry-After", "1"), ("Retry-After", "1")]
        status = self.rng.choice([200, 201, 201, *PERHAPS])
        body = self._created(talk, made or str(uuid4()), odd=True)
        self._say(talk, status, body, headers)

    def _broken_off(self, talk: Talk, made: str) -> None:
        whole = self._whole(201, self._created(talk, made, odd=not made), [])
        cut = self.rng.randrange(len(whole))
        self._pieces(talk, self.rng.choice([whole[:cut], self.rng.randbytes(cut), whole[:cut] + b"\0\r\n\r\n"]))
        self._end(talk)

    def _silent(self, talk: Talk, _made: str) -> None:
        if self.rng.random() < 0.3:
            talk.hang()
        self._end(talk)

    def _say(self, talk: Talk, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self._pieces(talk, self._whole(status, body, headers))
        # Behind an informational answer it would be no stray, but the answer itself.
        if self.strays and status >= 200 and self.rng.random() < 0.5:
            talk.server.stopping.wait(self.rng.choice([0, 0.001, 0.01]))
            stray = self.rng.choice([400, 401, 429, 500, 201])
            talk.send(self._whole(stray, self._created(talk, str(uuid4()), odd=True) if stray == 201 else b"", []))

    def _whole(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> bytes:
        if self.rng.random() < 0.1:
            headers, body = [*headers, ("Content-Encoding", "gzip")], gzip.compress(body)
        lines = [f"{name}: {value}" for name, value in headers]
        if status in {100, 204, 304}:
            body = b""
        elif self.rng.random() < 0.3:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""])
        return head.encode("latin-1") + body

    def _pieces(self, talk: Talk, content: bytes) -> None:
        for _ in range(self.rng.choice([0, 0, 1, 3])):
            cut = self.rng.randrange(len(content) + 1)
            talk.send(content[:cut])
            talk.server.stopping.wait(self.rng.choice([0, 0.002]))
            content = content[cut:]
        talk.send(content)

    def _end(self, talk: Talk) -> None:
        self.rng.choice([talk.close, talk.reset])()
        raise Gone


def never_speaks_again(talk: Talk) -> None:
    """Close as soon as a request has come, unread or half read."""
    talk.read_head()
    talk.close()


def check(ran: Ran, desk: Desk, lines: list[Line]) -> None:
    """What must hold after a run, however it ended."""
    server = desk.server
    assert ran.code in {0, 1, 4, 5, 6}, ran.stopped
    assert max(server.emailed.values(), default=0) <= 1, "a payor was asked twice"
    check_truth(desk.folder / "sheet.results.xlsx", [line.reference for line in lines], server.sessions)
    for reference, row in ran.rows.items():
        if row.session_id:
            assert server.sessions[row.session_id] == reference, "a link would go to another payor"
        elif row.status not in {"unknown", "held"}:
            assert not server.created[reference], f"{reference} is {row.status}, and was created"
    with open_journal(desk.place) as journal, journal.engine.connect() as connection:
        assert "open" not in set(connection.scalars(select(attempts.c.outcome))), "an answered attempt was left open"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whatever_the_api_answers(scheme: str, tmp_path: Path) -> None:
    """Nobody is asked twice, each session stands on its own row, nothing certain is lost, and no run crashes."""
    context, settings = None, {"concurrency": "8", "answer_timeout": "0.4", "connect_timeout": "2"}
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        settings["ca_file"] = str(TLS / "certificate.pem")
    for turn, chance in enumerate(until_time_is_up()):
        strays = turn % 2 == 0
        # On a kept connection a stray answer can't be told from another (docs/guarantees.md): there all are e-mailed.
        lines = [Line(f"INV-{number}", link=strays or number % 2 == 0) for number in range(ROWS)]
        chaos, folder = Chaos(chance, strays=strays), tmp_path / str(turn)
        folder.mkdir()
        with FaultServer(context, well_created=chaos.create, well_other=chaos.other) as server:
            server.well_authorized = chaos.authorize
            desk = Desk(folder, server, settings)
            for _ in range(2):
                server.on_connect.extend(chaos.connect() for _ in range(ROWS))
                check(desk.run(lines), desk, lines)
