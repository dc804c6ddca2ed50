"""Scenario references: what a create is answered when its referenceId begins with a name of this table.

The one place where scenarios stand; `docs/sandbox.md` and the README draw their table from `markdown()`. A reference
selects a scenario by what stands before its first hyphen, whatever its case: `HangAfter`, `hangafter-0007`. A name that
ends in `Once` (`ResetAfterOnce-12`) is a fault for the first create of that reference only; later ones succeed, so that
a client's second try can be watched. "First" is counted anew each time the sandbox starts.

Apart from `Happy…` and `Unhappy1`, which are the vendor's own names, these names are ours.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from pipeline.sandbox.problems import problem
from pipeline.sandbox.session import Course, Ending, SandboxSession
from pipeline.sandbox.wire import Delayed, Hang, Raw, Reset, ThenDoomed, Trickle

SESSIONS_PATH = "/api/v2/sessions"
_ONCE = "once"
_HTML = "<!doctype html><title>Maintenance</title><h1>We will be back shortly</h1>"


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """One create request that passed every check, as its scenario sees it.

    create: makes the session and writes it down, once. revoke: forgets every token. now: with an offset.
    """

    create: Callable[[], SandboxSession]
    revoke: Callable[[], None]
    now: datetime


Answer = Callable[[AcceptedRequest], ASGIApp]


def created(attempt: AcceptedRequest) -> Response:
    """The ordinary answer: 201 with the session's id and the reference that was sent."""
    return JSONResponse(_identity(attempt.create()), HTTPStatus.CREATED)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name, the sentence that documents it, how the create is answered and what becomes of the session by itself."""

    name: str
    sentence: str
    answer: Answer = created
    fate: Ending | Course | None = None


ORDINARY = Scenario("", "The session is created and waits for the payor.")


def _identity(session: SandboxSession) -> dict[str, str | None]:
    return {"sessionId": session.session_id, "referenceId": session.reference_id}


def _refuse(status: int, detail: str) -> Answer:
    return lambda _: problem(status, detail)


def _refuse_with_errors(_: AcceptedRequest) -> Response:
    return problem(400, errors={"Payor.Email": ["The email field is refused by this scenario."]})


def _unauthorized(_: AcceptedRequest) -> Response:
    return problem(401, "The token is refused by this scenario.", headers={"WWW-Authenticate": "Bearer"})


def _revoke(attempt: AcceptedRequest) -> Response:
    attempt.revoke()
    return _unauthorized(attempt)


def _busy(status: int, retry_after: Callable[[datetime], str]) -> Answer:
    return lambda attempt: problem(status, "Too busy.", headers={"Retry-After": retry_after(attempt.now)})


def _a_second(_now: datetime) -> str:
    return "1"


def _a_date(now: datetime) -> str:
    # HTTP dates have no fractions: two seconds on is at least one second away.
    return format_datetime(now + timedelta(seconds=2), usegmt=True)


def _error_after_creating(attempt: AcceptedRequest) -> Response:
    attempt.create()
    return problem(500, "Failed after the session was created.")


def _hang_after(attempt: AcceptedRequest) -> ASGIApp:
    attempt.create()
    return Hang()


def _reset_after(attempt: AcceptedRequest) -> ASGIApp:
    attempt.create()
    return Reset()


def _close_after(attempt: AcceptedRequest) -> ASGIApp:
    attempt.create()
    return Raw(b"")


def _half_header(attempt: AcceptedRequest) -> ASGIApp:
    content = _raw_created(attempt.create())
    return Raw(content[: content.index(b"content-length")])


def _half_body(attempt: AcceptedRequest) -> ASGIApp:
    return Raw(_raw_created(attempt.create())[:-20])


def _short_length(attempt: AcceptedRequest) -> ASGIApp:
    return Raw(_raw_created(attempt.create(), lie=-20), stays_open=True)


def _long_length(attempt: AcceptedRequest) -> ASGIApp:
    return Raw(_raw_created(attempt.create(), lie=20), stays_open=True)


def _trickle(attempt: AcceptedRequest) -> ASGIApp:
    return Trickle(_raw_created(attempt.create()))


def _raw_created(session: SandboxSession, *, lie: int = 0) -> bytes:
    """The bytes of a 201. `lie` is added to the length of the body in the header."""
    body = json.dumps(_identity(session)).encode()
    head = f"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {len(body) + lie}\r\n\r\n"
    return head.encode() + body


def _html_created(attempt: AcceptedRequest) -> Response:
    attempt.create()
    return HTMLResponse(_HTML, HTTPStatus.CREATED)


def _altered(**members: str | None) -> Answer:
    """A 201 in which members differ from the session that was created."""
    return lambda attempt: JSONResponse(_identity(attempt.create()) | members, HTTPStatus.CREATED)


def _no_id(attempt: AcceptedRequest) -> Response:
    return JSONResponse({"referenceId": attempt.create().reference_id}, HTTPStatus.CREATED)


def _redirect(status: int) -> Answer:
    # To itself: a client that follows is counted by its second request, and one that follows a 307 never ends.
    return lambda _: RedirectResponse(SESSIONS_PATH, status)


SCENARIOS = (
    Scenario("Happy1", "Created; the payor agreed: session Completed, transaction Accepted.", created,
             Ending("Completed", "Accepted")),
    Scenario("Happy2", "Created; session Completed, transaction Processed.", created, Ending("Completed", "Processed")),
    Scenario("Happy3", "Created; session Completed, transaction Settled: the money is there.", created,
             Ending("Completed", "Settled")),
    Scenario("Unhappy1", "Created; later the payment fails with EFT0402.", created,
             Ending("Failed", "Failed", "EFT0402")),
    Scenario("WrongName1", "Created; later it fails with EFT0403: the name is not that of the bank account.", created,
             Ending("Failed", "Failed", "EFT0403")),
    Scenario("Declines", "Created; the payor declined.", created, Ending("Failed", "Declined")),
    Scenario("Expires", "Created; expired at once.", created, Ending("Expired", "Expired")),
    Scenario("Cancels", "Created; cancelled, in the other spelling of the API (`Canceled`).", created,
             Ending("Canceled", "Cancelled")),
    Scenario("Puzzles", "Created; its states are words that are documented nowhere.", created,
             Ending("UnderReview", "OnHold")),
    Scenario("InParts", "Created and accepted; in the reports its money comes as two halves.", created,
             Course.IN_PARTS),
    Scenario("Twice", "Created and accepted; in the reports its money comes twice.", created, Course.TWICE),
    Scenario("Returned", "Created and accepted; in the reports it is settled, and `Refunded` on the next day.", created,
             Course.RETURNED),
    Scenario("Reversed", "Created and accepted; in the reports it is settled, and taken back on the next day by a "
             "negative amount.", created, Course.REVERSED),
    Scenario("Late", "Created and accepted; it settles three days later than others.", created, Course.LATE),
    Scenario("Refuse400", "400 with `errors` for the e-mail address. Not created.", _refuse_with_errors),
    Scenario("Refuse401", "401 though the token is good. Not created.", _unauthorized),
    Scenario("Revoke", "401, and every token given out so far is forgotten. Not created.", _revoke),
    Scenario("Refuse403", "403. Not created.", _refuse(403, "Not allowed by this scenario.")),
    Scenario("Refuse404", "404. Not created.", _refuse(404, "Not found by this scenario.")),
    Scenario("Refuse409", "409. Not created.", _refuse(409, "In conflict by this scenario.")),
    Scenario("Refuse413", "413. Not created.", _refuse(413, "Too large for this scenario.")),
    Scenario("Refuse422", "422. Not created.", _refuse(422, "Can't be handled by this scenario.")),
    Scenario("Busy429", "429 with `Retry-After` in seconds. Not created.", _busy(429, _a_second)),
    Scenario("Busy429Date", "429 with `Retry-After` as an HTTP date. Not created.", _busy(429, _a_date)),
    Scenario("Busy503", "503 with `Retry-After` in seconds. Not created.", _busy(503, _a_second)),
    Scenario("Error503", "503 without `Retry-After`. Not created, but the client can't know.",
             _refuse(503, "Unavailable by this scenario.")),
    Scenario("Error500", "500. Not created, but the client can't know.", _refuse(500, "Failed by this scenario.")),
    Scenario("Error500Created", "500 after the session was created.", _error_after_creating),
    Scenario("HangBefore", "Reads the request, then says nothing. Not created.", lambda _: Hang()),
    Scenario("HangAfter", "Creates, then says nothing.", _hang_after),
    Scenario("Slow", "Creates, and answers 201 after 2 seconds.", lambda attempt: Delayed(2, created(attempt))),
    Scenario("Trickle", "Creates, and answers 201 one byte a second.", _trickle),
    Scenario("ResetBefore", "Resets the connection when the request is read. Not created.", lambda _: Reset()),
    Scenario("ResetAfter", "Creates, then resets the connection.", _reset_after),
    Scenario("CloseBefore", "Closes the connection when the request is read. Not created.", lambda _: Raw(b"")),
    Scenario("CloseAfter", "Creates, then closes the connection.", _close_after),
    Scenario("Stale", "Creates and answers 201; the connection looks alive and is reset when it is used again.",
             lambda attempt: ThenDoomed(created(attempt))),
    Scenario("HalfHeader", "Creates, and closes in the middle of the answer's header.", _half_header),
    Scenario("HalfBody", "Creates, and closes in the middle of the answer's body.", _half_body),
    Scenario("ShortLength", "Creates; the answer's `Content-Length` is less than its body.", _short_length),
    Scenario("LongLength", "Creates; the answer's `Content-Length` is more than its body, and nothing follows.",
             _long_length),
    Scenario("Html200", "200 with an HTML page. Not created.", lambda _: HTMLResponse(_HTML)),
    Scenario("Html201", "Creates, and answers 201 with an HTML page.", _html_created),
    Scenario("NoId", "Creates, and answers 201 without a sessionId.", _no_id),
    Scenario("BadId", "Creates, and answers 201 with a sessionId that is no UUID.", _altered(sessionId="session-1")),
    Scenario("OtherReference", "Creates, and answers 201 with another referenceId.",
             _altered(referenceId="SOMEBODY-ELSE")),
    Scenario("NullReference", "Creates, and answers 201 with a referenceId of null.", _altered(referenceId=None)),
    Scenario("Redirect302", "302 to the same address. Not created.", _redirect(302)),
    Scenario("Redirect307", "307 to the same address. Not created.", _redirect(307)),
)  # fmt: skip

_BY_NAME = {scenario.name.casefold(): scenario for scenario in SCENARIOS}


def scenario_for(reference: str | None, *, earlier: int) -> Scenario:
    """The scenario of a referenceId, after `earlier` creates of the same reference since the sandbox started."""
    name = (reference or "").partition("-")[0].strip().casefold()
    if name in _BY_NAME:
        return _BY_NAME[name]
    fault = _BY_NAME.get(name.removesuffix(_ONCE)) if name.endswith(_ONCE) else None
    if fault is None or fault.fate is not None or earlier > 0:
        return ORDINARY
    return fault


def markdown() -> str:
    """The table for people, in the order of `SCENARIOS`."""
    rows = [f"| `{scenario.name}` | {scenario.sentence} |" for scenario in SCENARIOS]
    return "\n".join(["| reference begins with | what happens |", "|---|---|", *rows])
