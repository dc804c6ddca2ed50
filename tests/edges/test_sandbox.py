"""The sandbox over real sockets: what `api.md` says, each fault as bytes on the wire, and what it remembers."""

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from signal import Signals
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from support.ports import own_port

from pipeline.sandbox import RunningSandbox, SandboxOptions, running
from pipeline.sandbox.scenarios import SCENARIOS, markdown, scenario_for

SESSIONS = "/api/v2/sessions"
FORM = {"grant_type": "client_credentials"}
PATIENCE = 60
"""Seconds in which a busy machine does what it does for certain."""
QUIET = 0.5
"""Seconds without a byte after which a connection counts as open."""


class Client:
    """A client of one sandbox that holds a token."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=sandbox.base_url, timeout=PATIENCE)
        self.token = self.authorize()

    def authorize(self) -> str:
        answer = self.http.post("/api/v1/authorize", data=FORM, auth=(self.sandbox.username, self.sandbox.password))
        return answer.json()["access_token"]

    def create(self, content: dict | str, token: str | None = None) -> httpx.Response:
        body = content if isinstance(content, str) else json.dumps(content)
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        return self.http.post(SESSIONS, content=body.encode(), headers=headers)

    def created_id(self, **changes: Any) -> str:
        answer = self.create(payload(**changes))
        assert answer.status_code == 201, answer.text
        return answer.json()["sessionId"]

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str) -> httpx.Response:
        return self.http.post(path, headers={"Authorization": f"Bearer {self.token}"})

    def states(self, session_id: str) -> tuple[str, str]:
        details = self.get(f"{SESSIONS}/{session_id}/details").json()
        return details["status"], details["schedule"]["transactions"][0]["status"]

    def created(self, reference: str) -> int:
        return self.http.get("/sandbox/sessions").json()["created"].get(reference, 0)

    def created_in_all(self) -> int:
        return sum(self.http.get("/sandbox/sessions").json()["created"].values())

    def received(self, reference: str) -> int:
        return self.http.get("/sandbox/sessions").json()["received"].get(reference, 0)

    def decide(self, session_id: str, decision: str, **fields: str) -> httpx.Response:
        return self.http.post("/app/", data={"sessionId": session_id, "decision": decision, **fields})

    def page(self, session_id: str) -> httpx.Response:
        return self.http.get("/app/", params={"sessionId": session_id})


@contextmanager
def sandboxed(**options: Any) -> Iterator[Client]:
    with running(SandboxOptions(port=0, **options)) as sandbox:
        client = Client(sandbox)
        yield client
        client.http.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with sandboxed() as client:
        yield client


def payload(**changes: Any) -> dict[str, Any]:
    """The vendor's sample. A change `payor__email` is at `payor.email`; a change to Ellipsis takes the member out."""
    content = {
        "referenceId": f"REF-{uuid.uuid4().hex[:8]}",
        "type": "e-Transfer",
        "direction": "DEBIT",
        "currency": "CAD",
        "amount": 250,
        "options": {"notificationPreferences": {"sendInteracLink": True}},
        "payor": {"firstName": "John", "lastName": "Smith", "email": "john.smith@example.com"},
        "payee": {"account": {"institutionCode": "999", "transitNumber": "30265", "accountNumber": "9876541"}},
    }
    for path, value in changes.items():
        *parents, member = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]  # type: ignore[assignment]
        if value is ...:
            del place[member]
        else:
            place[member] = value
    return content


def raw_create(client: Client, reference: str) -> bytes:
    body = json.dumps(payload(referenceId=reference)).encode()
    head = f"POST {SESSIONS} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {client.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def connect(client: Client) -> socket.socket:
    url = urlsplit(client.sandbox.base_url)
    return socket.create_connection((url.hostname, url.port), timeout=PATIENCE)


def eventually(told: Callable[[], object], expected: object) -> None:
    """Wait until something is told: a server goes on when its client has given up."""
    until = time.monotonic() + PATIENCE
    while told() != expected and time.monotonic() < until:
        time.sleep(0.01)
    assert told() == expected


def read_to_end(sock: socket.socket, *, least: int = 0, stays_open: bool = False) -> tuple[bytes, str]:
    """What arrives, and how it ends: `closed` (FIN), `reset` (RST) or `open` (nothing more for a while).

    Where it is to stay open, so many bytes are waited for.
    """
    received = b""
    while True:
        sock.settimeout(QUIET if stays_open and len(received) >= least else PATIENCE)
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "open"
        if not part:
            return received, "closed"
        received += part


# --- authorize ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "request_", "status"),
    [
        pytest.param({}, {"auth": ("sandbox", "sandbox"), "data": FORM}, 200, id="basic"),
        pytest.param({}, {"data": FORM | {"Username": "sandbox", "Password": "sandbox"}}, 200, id="form"),
        pytest.param({}, {"auth": ("sandbox", "wrong"), "data": FORM}, 401, id="wrong-password"),
        pytest.param({}, {"data": FORM}, 401, id="no-credentials"),
        pytest.param({}, {"auth": ("sandbox", "sandbox"), "data": {"grant_type": "password"}}, 400, id="grant"),
        pytest.param({}, {"auth": ("sandbox", "sandbox"), "json": FORM}, 400, id="json-body"),
        pytest.param({}, {"headers": {"Authorization": "Basic ???"}, "data": FORM}, 401, id="not-base64"),
        pytest.param({"credentials": "form"}, {"auth": ("sandbox", "sandbox"), "data": FORM}, 401, id="basic-closed"),
        pytest.param(
            {"credentials": "basic"},
            {"data": FORM | {"Username": "sandbox", "Password": "sandbox"}},
            401,
            id="form-closed",
        ),
        pytest.param({"username": None, "password": None}, {"auth": ("any", "one"), "data": FORM}, 200, id="any"),
        pytest.param({"username": None, "password": None}, {"data": FORM}, 401, id="any-but-none"),
    ],
)
def test_authorize_takes_the_credentials_that_are_configured_by_the_ways_that_are_open(
    options: dict[str, Any], request_: dict[str, Any], status: int
) -> None:
    """A token is given for the right credentials as Basic or as form fields, and for nothing else."""
    with running(SandboxOptions(port=0, **options)) as sandbox:
        answer = httpx.post(f"{sandbox.base_url}/api/v1/authorize", **request_)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() | {"access_token": ""} == {"access_token": "", "token_type": "bearer", "expires_in": 599}


def test_expires_in_can_be_left_out() -> None:
    """With `omit_expires_in` the answer of authorize does not say how long the token lasts."""
    with sandboxed(omit_expires_in=True) as client:
        answer = client.http.post("/api/v1/authorize", data=FORM, auth=("sandbox", "sandbox"))
    assert set(answer.json()) == {"access_token", "token_type"}


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer unknown", "Basic c2FuZGJveDpzYW5kYm94"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("GET", "/x/details"), ("GET", "/x/status"), ("POST", "/x/cancel")]
)
def test_every_call_needs_a_token_that_is_known(
    client: Client, authorization: str | None, method: str, path: str
) -> None:
    """Without a known bearer token every call is answered 401 ProblemDetails, before its content is looked at."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.http.request(method, SESSIONS + path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_expires() -> None:
    """A token is refused when its lifetime is over."""
    with sandboxed(token_lifetime=0) as client:
        assert client.create(payload()).status_code == 401


def test_a_single_use_token_creates_one_session_and_still_reads() -> None:
    """With `single_use` a token is refused for a second creation, and still opens `details`."""
    with sandboxed(single_use=True) as client:
        session_id = client.created_id()
        assert client.create(payload()).status_code == 401
        assert client.get(f"{SESSIONS}/{session_id}/details").status_code == 200
        assert client.create(payload(), token=client.authorize()).status_code == 201


def test_the_client_id_can_be_required() -> None:
    """With `require_client_id` a call without the header is refused 403."""
    with running(SandboxOptions(port=0, require_client_id=True)) as sandbox:
        ask: dict[str, Any] = {"data": FORM, "auth": ("sandbox", "sandbox")}
        assert httpx.post(f"{sandbox.base_url}/api/v1/authorize", **ask).status_code == 403
        answer = httpx.post(f"{sandbox.base_url}/api/v1/authorize", **ask, headers={"x-client-id": "42"})
        assert answer.status_code == 200


# --- create: fields ----------------------------------------------------------------------------------------------

TEXT_100 = "é" * 100


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the-vendor's-sample"),
        pytest.param({"referenceId": TEXT_100}, id="reference-100"),
        pytest.param({"payor__firstName": TEXT_100, "payor__lastName": "Null"}, id="names"),
        pytest.param({"payor__middleName": "Ann"}, id="middle-name"),
        pytest.param({"amount": None}, id="null-amount"),
        pytest.param({"amount": ...}, id="no-amount"),
        pytest.param({"payee": ...}, id="no-payee"),
        pytest.param({"payee__account": ...}, id="no-account"),
        pytest.param({"payee__account__accountNumber": "123456789012"}, id="account-12"),
        pytest.param({"options": ...}, id="no-options"),
        pytest.param({"options__notificationPreferences": ...}, id="no-preferences"),
        pytest.param({"options__notificationPreferences__language": "FR"}, id="french"),
        pytest.param({"direction": "CREDIT"}, id="credit"),
        pytest.param({"unknown": {"deep": [1]}, "payor__phone": 1}, id="unknown-members"),
    ],
)
def test_what_api_md_allows_is_created_and_its_reference_echoed(client: Client, changes: dict[str, Any]) -> None:
    """A request within the documented limits is answered 201 with a UUID and the reference that was sent."""
    content = payload(**changes)
    answer = client.create(content)
    assert answer.status_code == 201, answer.text
    assert uuid.UUID(answer.json()["sessionId"]).version == 4
    assert answer.json()["referenceId"] == content["referenceId"]


@pytest.mark.parametrize("reference", [None, ...], ids=["null", "absent"])
def test_a_reference_is_optional(client: Client, reference: Any) -> None:
    """A null or absent referenceId is created, and comes back as null."""
    answer = client.create(payload(referenceId=reference))
    assert (answer.status_code, answer.json()["referenceId"]) == (201, None)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        pytest.param({"type": "EFT"}, "Type", id="type-eft"),
        pytest.param({"type": ...}, "Type", id="type-absent"),
        pytest.param({"direction": "debit"}, "Direction", id="direction-case"),
        pytest.param({"currency": "USD"}, "Currency", id="currency"),
        pytest.param({"referenceId": "x" * 101}, "ReferenceId", id="reference-101"),
        pytest.param({"referenceId": 12345}, "ReferenceId", id="reference-number"),
        pytest.param({"payor": ...}, "Payor", id="payor-absent"),
        pytest.param({"payor": []}, "Payor", id="payor-list"),
        pytest.param({"payor__firstName": ""}, "Payor.FirstName", id="first-name-empty"),
        pytest.param({"payor__firstName": " "}, "Payor.FirstName", id="first-name-blank"),
        pytest.param({"payor__firstName": TEXT_100 + "é"}, "Payor.FirstName", id="first-name-101"),
        pytest.param({"payor__firstName": "\ud800"}, "Payor.FirstName", id="half-a-surrogate"),
        pytest.param({"payor__lastName": ...}, "Payor.LastName", id="last-name-absent"),
        pytest.param({"payor__lastName": True}, "Payor.LastName", id="last-name-boolean"),
        pytest.param({"payor__middleName": None}, "Payor.MiddleName", id="middle-name-null"),
        pytest.param({"payor__middleName": "m" * 101}, "Payor.MiddleName", id="middle-name-101"),
        pytest.param({"payor__email": None}, "Payor.Email", id="email-null"),
        pytest.param({"payor__email": "jane@@x.ca"}, "Payor.Email", id="email-two-ats"),
        pytest.param({"payor__email": "jane.x.ca"}, "Payor.Email", id="email-no-at"),
        pytest.param({"payor__email": "j@" + "x" * 99}, "Payor.Email", id="email-101"),
        pytest.param({"amount": "250.00"}, "Amount", id="amount-text"),
        pytest.param({"amount": True}, "Amount", id="amount-boolean"),
        pytest.param({"amount": 0}, "Amount", id="amount-zero"),
        pytest.param({"amount": -1}, "Amount", id="amount-negative"),
        pytest.param({"amount": 0.1 + 0.2}, "Amount", id="amount-binary-fraction"),
        pytest.param({"amount": 10**30}, "Amount", id="amount-beyond-decimal"),
        pytest.param({"payee": None}, "Payee", id="payee-null"),
        pytest.param({"payee__account": None}, "Payee.Account", id="account-null"),
        pytest.param({"payee__account__institutionCode": "99"}, "Payee.Account.InstitutionCode", id="institution-2"),
        pytest.param({"payee__account__institutionCode": 999}, "Payee.Account.InstitutionCode", id="institution-int"),
        pytest.param({"payee__account__transitNumber": ...}, "Payee.Account.TransitNumber", id="two-of-three"),
        pytest.param({"payee__account__transitNumber": "3026a"}, "Payee.Account.TransitNumber", id="transit-letter"),
        pytest.param({"payee__account__accountNumber": "123456"}, "Payee.Account.AccountNumber", id="account-6"),
        pytest.param({"payee__account__accountNumber": "1" * 13}, "Payee.Account.AccountNumber", id="account-13"),
        pytest.param({"payee__account__accountNumber": "١٢٣٤٥٦٧"}, "Payee.Account.AccountNumber", id="arabic-digits"),
        pytest.param({"options": "x"}, "Options", id="options-text"),
        pytest.param(
            {"options__notificationPreferences__sendInteracLink": "true"},
            "Options.NotificationPreferences.SendInteracLink",
            id="send-link-text",
        ),
        pytest.param(
            {"options__notificationPreferences__sendInteracLink": 1},
            "Options.NotificationPreferences.SendInteracLink",
            id="send-link-number",
        ),
        pytest.param(
            {"options__notificationPreferences__language": "en"},
            "Options.NotificationPreferences.Language",
            id="language-case",
        ),
    ],
)
def test_each_broken_limit_is_refused_under_the_name_of_its_field(
    client: Client, changes: dict[str, Any], key: str
) -> None:
    """A field that breaks a rule of `api.md` is refused 400 ProblemDetails with `errors` for it alone."""
    before = client.created_in_all()
    answer = client.create(payload(**changes))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [key]
    assert client.created_in_all() == before


def test_all_broken_limits_are_told_at_once(client: Client) -> None:
    """Several faults of one request come back together."""
    answer = client.create(payload(amount=0, payor__email=..., payee__account__transitNumber="1"))
    assert set(answer.json()["errors"]) == {"Amount", "Payor.Email", "Payee.Account.TransitNumber"}


def test_without_a_default_account_a_payee_is_required() -> None:
    """With `default_payee=False` a request that names no account is refused 400."""
    with sandboxed(default_payee=False) as client:
        assert list(client.create(payload(payee=...)).json()["errors"]) == ["Payee"]
        assert client.create(payload()).status_code == 201


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'{"amount": NaN}', b"[" * 100_000, b'{"amount": 1e99999999999999999999}'],
    ids=["empty", "list", "torn", "not-utf-8", "nan", "nested", "exponent"],
)
def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    """What can't be read as a JSON object is refused 400, and the sandbox goes on."""
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    answer = client.http.post(SESSIONS, content=body, headers=headers)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["$"])


def test_the_content_type_must_be_json(client: Client) -> None:
    """A right body under another content type is refused 400."""
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "text/plain"}
    answer = client.http.post(SESSIONS, content=json.dumps(payload()), headers=headers)
    assert list(answer.json()["errors"]) == ["Content-Type"]


@pytest.mark.parametrize("amount", ["250.00", "0.01", "79228162514264337593543950335", "1234567890123456.78"])
def test_an_amount_keeps_its_digits(client: Client, amount: str) -> None:
    """The number in `details` is, digit by digit, the number that was sent: no binary floating point."""
    body = json.dumps(payload(amount="@")).replace('"@"', amount)
    session_id = client.create(body).json()["sessionId"]
    assert f'"amount":{amount},' in client.get(f"{SESSIONS}/{session_id}/details").text


def test_an_amount_with_three_decimals_is_refused_as_it_is_written(client: Client) -> None:
    """`250.000` has three decimals, although the last is zero."""
    body = json.dumps(payload(amount="@")).replace('"@"', "250.000")
    assert list(client.create(body).json()["errors"]) == ["Amount"]


# --- create: scenarios -------------------------------------------------------------------------------------------

HTTP_FAULTS = {
    "Refuse400": (400, 0),
    "Refuse401": (401, 0),
    "Refuse403": (403, 0),
    "Refuse404": (404, 0),
    "Refuse409": (409, 0),
    "Refuse413": (413, 0),
    "Refuse422": (422, 0),
    "Busy429": (429, 0),
    "Busy429Date": (429, 0),
    "Busy503": (503, 0),
    "Error503": (503, 0),
    "Error500": (500, 0),
    "Error500Created": (500, 1),
    "Html200": (200, 0),
    "Html201": (201, 1),
    "NoId": (201, 1),
    "BadId": (201, 1),
    "OtherReference": (201, 1),
    "NullReference": (201, 1),
    "Redirect302": (302, 0),
    "Redirect307": (307, 0),
}
WIRE_FAULTS = {
    # name: what arrives, how it ends, how many are created
    "HangBefore": (b"", "open", 0),
    "HangAfter": (b"", "open", 1),
    "ResetBefore": (b"", "reset", 0),
    "ResetAfter": (b"", "reset", 1),
    "CloseBefore": (b"", "closed", 0),
    "CloseAfter": (b"", "closed", 1),
    "HalfHeader": (b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n", "closed", 1),
    "HalfBody": (b"HTTP/1.1 201 Created", "closed", 1),
    "ShortLength": (b"HTTP/1.1 201 Created", "open", 1),
    "LongLength": (b"HTTP/1.1 201 Created", "open", 1),
    "Trickle": (b"H", "open", 1),
}


@pytest.mark.parametrize(("name", "status", "created"), [(name, *rest) for name, rest in HTTP_FAULTS.items()])
def test_a_scenario_answers_with_its_status_and_creates_what_it_says(
    client: Client, name: str, status: int, created: int
) -> None:
    """A fault that HTTP can express has its status, and the sandbox knows whether it created anything."""
    reference = f"{name}-{uuid.uuid4().hex[:6]}"
    assert client.create(payload(referenceId=reference)).status_code == status
    assert client.created(reference) == created
    assert client.received(reference) == 1


@pytest.mark.parametrize(("name", "start", "end", "created"), [(name, *rest) for name, rest in WIRE_FAULTS.items()])
def test_a_scenario_really_breaks_the_connection(
    client: Client, name: str, start: bytes, end: str, created: int
) -> None:
    """A fault that HTTP can't express happens on the socket, byte by byte."""
    reference = f"{name}-{uuid.uuid4().hex[:6]}"
    with connect(client) as sock:
        sock.sendall(raw_create(client, reference))
        eventually(lambda: client.received(reference), 1)
        received, how = read_to_end(sock, least=len(start), stays_open=end == "open")
    assert how == end
    assert received.startswith(start)
    assert bool(received) == bool(start)
    eventually(lambda: client.created(reference), created)


@pytest.mark.parametrize(("name", "sign"), [("HalfBody", 1), ("ShortLength", -1), ("LongLength", 1)])
def test_a_length_differs_from_the_body_that_arrives(client: Client, name: str, sign: int) -> None:
    """Half a body and a wrong Content-Length promise more, or less, than is sent."""
    with connect(client) as sock:
        sock.sendall(raw_create(client, f"{name}-{uuid.uuid4().hex[:6]}"))
        received, _ = read_to_end(sock, least=1, stays_open=name != "HalfBody")
    head, _, body = received.partition(b"\r\n\r\n")
    promised = int(head.rpartition(b"content-length: ")[2])
    assert (promised - len(body)) * sign == 20


def test_every_scenario_of_the_table_is_tried_here() -> None:
    """No scenario is documented without a test of its answer."""
    tried = {*HTTP_FAULTS, *WIRE_FAULTS, *ENDINGS, "Slow", "Stale", "Revoke"}
    assert {scenario.name for scenario in SCENARIOS} == tried


@pytest.mark.parametrize("name", HTTP_FAULTS)
def test_once_is_a_fault_for_the_first_create_of_a_reference_only(client: Client, name: str) -> None:
    """With `Once` behind its name a fault meets the first create of each reference, and the second succeeds."""
    reference = f"{name}Once-{uuid.uuid4().hex[:6]}"
    first = client.create(payload(referenceId=reference))
    second = client.create(payload(referenceId=reference))
    assert first.status_code == HTTP_FAULTS[name][0]
    assert (second.status_code, second.json()["referenceId"]) == (201, reference)
    assert client.created(reference) == HTTP_FAULTS[name][1] + 1


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("Happy1", "Happy1"),
        ("hAPPY1-0007", "Happy1"),
        ("Happy12", ""),
        ("Happy", ""),
        ("Happy1Once", ""),
        ("INV-Happy1", ""),
        ("resetAFTERonce-x-y", "ResetAfter"),
        (None, ""),
    ],
)
def test_the_name_of_a_scenario_stands_before_the_first_hyphen(reference: str | None, name: str) -> None:
    """A scenario is selected by the whole first part of the reference, whatever its case."""
    assert scenario_for(reference, earlier=0).name == name


def test_retry_after_comes_in_both_spellings(client: Client) -> None:
    """`Retry-After` is a number of seconds or an HTTP date in the near future; a plain 503 has none."""
    seconds = client.create(payload(referenceId="Busy429-1")).headers["retry-after"]
    dated = client.create(payload(referenceId="Busy429Date-1")).headers["retry-after"]
    assert seconds == "1"
    assert time.strptime(dated, "%a, %d %b %Y %H:%M:%S GMT")
    assert client.create(payload(referenceId="Busy503-1")).headers["retry-after"] == "1"
    assert "retry-after" not in client.create(payload(referenceId="Error503-1")).headers


def test_unusable_answers_are_what_they_say(client: Client) -> None:
    """Answers that a client must not take for success differ from it in exactly one thing."""
    assert "sessionId" not in client.create(payload(referenceId="NoId-1")).json()
    assert client.create(payload(referenceId="BadId-1")).json()["sessionId"] == "session-1"
    assert client.create(payload(referenceId="OtherReference-1")).json()["referenceId"] == "SOMEBODY-ELSE"
    assert client.create(payload(referenceId="NullReference-1")).json()["referenceId"] is None
    assert client.create(payload(referenceId="Html201-1")).headers["content-type"].startswith("text/html")
    assert client.create(payload(referenceId="Redirect307-1")).headers["location"] == SESSIONS


def test_a_stale_connection_looks_alive_and_is_reset_unread(client: Client) -> None:
    """After `Stale` the connection stays open, and the next request on it is reset without being read."""
    with connect(client) as sock:
        sock.sendall(raw_create(client, "Stale-first"))
        answer, how = read_to_end(sock, least=1, stays_open=True)
        assert (answer[:12], how) == (b"HTTP/1.1 201", "open")
        sock.sendall(raw_create(client, "REF-after-stale"))
        assert read_to_end(sock) == (b"", "reset")
    assert client.received("REF-after-stale") == 0
    assert client.created("Stale-first") == 1


def test_slow_creates_at_once_and_answers_after_two_seconds(client: Client) -> None:
    """A client that gives up on `Slow` has left a session behind; one that waits gets its 201."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            client.sandbox.base_url + SESSIONS,
            json=payload(referenceId="Slow-1"),
            headers={"Authorization": f"Bearer {client.token}"},
            timeout=httpx.Timeout(PATIENCE, read=0.2),
        )
    eventually(lambda: client.created("Slow-1"), 1)
    started = time.monotonic()
    assert client.create(payload(referenceId="Slow-2")).status_code == 201
    assert time.monotonic() - started >= 2


def test_revoke_forgets_every_token() -> None:
    """`Revoke` answers 401, and a token that was good is refused from then on."""
    with sandboxed() as client:
        assert client.create(payload(referenceId="RevokeOnce-1")).status_code == 401
        assert client.create(payload()).status_code == 401
        assert client.create(payload(referenceId="RevokeOnce-1"), token=client.authorize()).status_code == 201


def test_latency_comes_after_the_session_is_written_down() -> None:
    """With `latency` a create is recorded before the wait, so that giving up leaves an orphan."""
    with sandboxed(latency=5) as client:
        client.http.timeout = httpx.Timeout(PATIENCE, read=0.2)
        with pytest.raises(httpx.ReadTimeout):
            client.create(payload(referenceId="REF-late"))
        client.http.timeout = httpx.Timeout(PATIENCE)
        eventually(lambda: client.created("REF-late"), 1)


def test_a_hanging_answer_does_not_keep_the_sandbox_from_stopping() -> None:
    """A stopping sandbox drops the connections that it would hold for ever."""
    with sandboxed() as client:
        sock = connect(client)
        sock.sendall(raw_create(client, "HangBefore-1"))
        eventually(lambda: client.received("HangBefore-1"), 1)
        assert read_to_end(sock, stays_open=True) == (b"", "open")
    with sock:
        assert read_to_end(sock)[1] != "open"


# --- states, cancel ----------------------------------------------------------------------------------------------

ENDINGS = {
    "Happy1": ("Completed", "Accepted", None),
    "Happy2": ("Completed", "Processed", None),
    "Happy3": ("Completed", "Settled", None),
    "Unhappy1": ("Failed", "Failed", "EFT0402"),
    "WrongName1": ("Failed", "Failed", "EFT0403"),
    "Declines": ("Failed", "Declined", None),
    "Expires": ("Expired", "Expired", None),
    "Cancels": ("Canceled", "Cancelled", None),
    "Puzzles": ("UnderReview", "OnHold", None),
    "InParts": ("Completed", "Accepted", None),
    "Twice": ("Completed", "Accepted", None),
    "Returned": ("Completed", "Accepted", None),
    "Reversed": ("Completed", "Accepted", None),
    "Late": ("Completed", "Accepted", None),
}


@pytest.mark.parametrize(("name", "session", "transaction", "code"), [(name, *rest) for name, rest in ENDINGS.items()])
def test_a_scenario_ends_in_its_states(
    client: Client, name: str, session: str, transaction: str, code: str | None
) -> None:
    """A session of a scenario that ends by itself is created, and is found in its final states."""
    session_id = client.created_id(referenceId=f"{name}-{uuid.uuid4().hex[:6]}")
    assert client.states(session_id) == (session, transaction)
    assert client.get(f"{SESSIONS}/{session_id}/status").json()["statusDetails"] == code
    assert client.post(f"{SESSIONS}/{session_id}/cancel").status_code == 400


def test_details_has_the_members_of_api_md(client: Client) -> None:
    """`details` gives what the API documents, with the default account when the request named none."""
    session_id = client.created_id(referenceId="REF-details", payee=..., payor__middleName="Ann")
    details = client.get(f"{SESSIONS}/{session_id}/details").json()
    transactions = details.pop("schedule")["transactions"]
    assert [set(transaction) for transaction in transactions] == [{"id", "status"}]
    assert details.pop("createdAt")[:4].isdigit()
    assert details == {
        "sessionId": session_id,
        "status": "Initiated",
        "referenceId": "REF-details",
        "amount": 250,
        "type": "e-Transfer",
        "direction": "DEBIT",
        "currency": "CAD",
        "payor": {"firstName": "John", "middleName": "Ann", "lastName": "Smith", "email": "john.smith@example.com"},
        "payee": {"account": {"institutionCode": "999", "transitNumber": "30265", "accountNumber": "9876541"}},
    }


@pytest.mark.parametrize("call", ["details", "status"])
@pytest.mark.parametrize("session_id", ["3c90c3cc-0d44-4b50-8888-8dd25736052a", "no-uuid"])
def test_an_unknown_session_is_404(client: Client, call: str, session_id: str) -> None:
    """A session that was never created is answered 404 ProblemDetails."""
    answer = client.get(f"{SESSIONS}/{session_id}/{call}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_cancel_works_once(client: Client) -> None:
    """An open session is cancelled with both levels of its state; a final one is refused 400."""
    session_id = client.created_id(referenceId="REF-cancel")
    answer = client.post(f"{SESSIONS}/{session_id}/cancel")
    assert answer.json() == {"sessionId": session_id, "referenceId": "REF-cancel", "status": "Cancelled"}
    assert client.states(session_id) == ("Cancelled", "Cancelled")
    again = client.post(f"{SESSIONS}/{session_id}/cancel")
    assert (again.status_code, again.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_cancel_can_be_absent(status: int) -> None:
    """An API that has no cancel yet answers with the configured status, and nothing changes."""
    with sandboxed(cancel=status) as client:
        session_id = client.created_id()
        assert client.post(f"{SESSIONS}/{session_id}/cancel").status_code == status
        assert client.states(session_id) == ("Initiated", "Initiated")


# --- the hosted page ---------------------------------------------------------------------------------------------


def test_the_hosted_page_shows_the_request_and_moves_it_on(client: Client) -> None:
    """The first look at the launch URL moves the session to InProgress and shows amount, payor and reference."""
    session_id = client.created_id(referenceId="REF-page", amount=1250.5)
    page = client.page(session_id)
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
    for text in ("Sandbox: no money moves", "$1,250.50\u00a0CAD", "John Smith", "REF-page", ">Accept<", ">Decline<"):
        assert text in page.text
    assert client.states(session_id) == ("InProgress", "Initiated")


@pytest.mark.parametrize(
    ("decision", "states", "heading"),
    [("accepted", ("Completed", "Accepted"), "Accepted"), ("declined", ("Failed", "Declined"), "Declined")],
)
def test_the_payor_decides_once(client: Client, decision: str, states: tuple[str, str], heading: str) -> None:
    """Accept and Decline lead back to the page, which says how it ended; a second decision changes nothing."""
    session_id = client.created_id()
    answer = client.decide(session_id, decision)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/app/?sessionId={session_id}")
    client.decide(session_id, "declined" if decision == "accepted" else "accepted")
    assert client.states(session_id) == states
    page = client.page(session_id).text
    assert f"<strong>{heading}</strong>" in page
    assert "<form" not in page


def test_an_accepted_payment_settles() -> None:
    """After `settle_after` the transaction of an accepted session is Settled, and the session is still Completed."""
    with sandboxed(settle_after=timedelta(0)) as client:
        session_id = client.created_id()
        client.decide(session_id, "accepted")
        assert client.states(session_id) == ("Completed", "Settled")


def test_an_open_session_expires() -> None:
    """After its lifetime a session is Expired on both levels; it can be neither paid nor cancelled."""
    with sandboxed(session_lifetime=timedelta(0)) as client:
        session_id = client.created_id()
        client.decide(session_id, "accepted")
        assert client.states(session_id) == ("Expired", "Expired")
        assert client.post(f"{SESSIONS}/{session_id}/cancel").status_code == 400
        assert "<strong>Expired</strong>" in client.page(session_id).text


def test_the_page_speaks_french_when_the_request_says_so(client: Client) -> None:
    """With language FR the whole page, its `lang` and its amount are French."""
    page = client.page(client.created_id(amount=1250.5, options__notificationPreferences__language="FR")).text
    for text in ('<html lang="fr">', "aucun argent ne circule", "1\u00a0250,50\u00a0$", ">Accepter<", ">Refuser<"):
        assert text in page


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("fr", "fr"),
        ("de, FR-ca;q=0.5", "fr"),
        ("en-CA,en;q=0.9,fr;q=0.8", "en"),
        ("en;q=0.2, fr;q=0.7", "fr"),
        ("de", "en"),
        ("fry", "en"),
        ("*", "en"),
        ("", "en"),
    ],
)
def test_pages_are_in_the_language_that_the_browser_prefers(client: Client, accepted: str, lang: str) -> None:
    """Where a payment request names no language, its page, that of a wrong link and that of the base URL."""
    headers = {"Accept-Language": accepted}
    for path in ("/", f"/app/?sessionId={client.created_id()}", "/app/?sessionId=nope"):
        assert f'<html lang="{lang}">' in client.http.get(path, headers=headers).text
    english = client.created_id(options__notificationPreferences__language="EN")
    assert '<html lang="en">' in client.http.get(f"/app/?sessionId={english}", headers=headers).text


def test_a_french_sandbox_has_french_pages() -> None:
    """Whatever the browser says; only a payment request in English is English."""
    with sandboxed(language="FR") as client:
        english = client.created_id(options__notificationPreferences__language="EN")
        assert "Le bac à sable fonctionne" in client.http.get("/", headers={"Accept-Language": "en"}).text
        assert "Accepter" in client.page(client.created_id()).text
        assert '<html lang="en">' in client.page(english).text


def test_text_of_the_request_can_not_become_markup(client: Client) -> None:
    """Names, addresses and references are escaped, also inside attributes."""
    evil = "<script>\"'&"
    page = client.page(client.created_id(referenceId=evil, payor__firstName=evil, payor__email=f"{evil}@x")).text
    assert "<script" not in page
    assert page.count("&lt;script&gt;&quot;&#x27;&amp;") == 3


@pytest.mark.parametrize(
    ("text", "amount"), [("120.50", 120.5), ("120,50", 120.5), ("0", None), ("1.234", None), ("1e3", None), ("", None)]
)
def test_the_payor_chooses_an_open_amount(client: Client, text: str, amount: float | None) -> None:
    """A request without amount is accepted with the payor's own, above 0 and with at most 2 decimals."""
    session_id = client.created_id(amount=None)
    answer = client.decide(session_id, "accepted", amount=text)
    assert answer.status_code == (400 if amount is None else 303)
    assert ('role="alert"' in answer.text) == (amount is None)
    assert client.get(f"{SESSIONS}/{session_id}/details").json()["amount"] == amount


def test_an_unknown_launch_url_is_a_page_that_says_so(client: Client) -> None:
    """A launch URL of no session is answered 404 with HTML for people, and so is a decision about one."""
    for answer in (client.page("nope"), client.http.get("/app/"), client.decide("nope", "accepted")):
        assert answer.status_code == 404
        assert "This link leads to no payment request" in answer.text


def test_the_page_fetches_runs_and_leaks_nothing(client: Client) -> None:
    """The page allows itself no script and no outside resource, and its address leaves by no referrer."""
    headers = client.page(client.created_id()).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"


# --- what it tells about itself ----------------------------------------------------------------------------------


def report(client: Client, name: str, day: date, **asked: str) -> list[dict[str, str]]:
    answer = client.http.get(f"/sandbox/reports/{name}.csv", params={"date": day.isoformat(), **asked})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_the_daily_reports_tell_the_payments_of_a_day() -> None:
    """Settlement lists what settled on the day, processing what was created or became final on it."""
    today = date.today()  # noqa: DTZ011 - a day of this machine, as the sandbox's
    with sandboxed() as client:
        paid = client.created_id(referenceId="Happy3-1", amount=12.5, payor__firstName="Zoë")
        client.created_id(referenceId="REF-open")
        settled, processed = report(client, "settlement", today), report(client, "processing", today)
        assert report(client, "settlement", today - timedelta(days=1)) == []
        assert report(client, "processing", today + timedelta(days=1)) == []
    assert [row["Session Id"] for row in settled] == [paid]
    assert settled[0]["Amount"] == "12.50"
    assert settled[0]["Customer Name"] == "Zoë Smith"
    assert settled[0]["Account"] == "****6541"
    assert [(row["Reference Id"], row["Status"]) for row in processed] == [
        ("Happy3-1", "Settled"),
        ("REF-open", "Initiated"),
    ]


def test_a_report_can_not_carry_a_formula() -> None:
    """A cell whose text begins like a formula is made plain text."""
    references = [f"{start}1+1" for start in ("=", "+", "-", "@", "\t", "\r")]
    with sandboxed() as client:
        for reference in references:
            client.created_id(referenceId=reference)
        rows = report(client, "processing", date.today())  # noqa: DTZ011 - a day of this machine, as the sandbox's
    assert [row["Reference Id"] for row in rows] == [f"'{reference}" for reference in references]


COURSES = {
    # name: day, amount and word of each line that the settlement reports tell of 250.01 that was accepted on day 0
    "Happy3": [(0, "250.01", "Settled")],
    "InParts": [(0, "125.00", "Settled"), (0, "125.01", "Settled")],
    "Twice": [(0, "250.01", "Settled"), (0, "250.01", "Settled")],
    "Returned": [(0, "250.01", "Settled"), (1, "250.01", "Refunded")],
    "Reversed": [(0, "250.01", "Settled"), (1, "-250.01", "Settled")],
    "Late": [(3, "250.01", "Settled")],
}


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Client, date]]:
    """A sandbox in which money settles at once, with a payment of each course, and the day on which they were made."""
    with sandboxed(settle_after=timedelta(0)) as client:
        for name in COURSES:
            client.created_id(referenceId=f"{name}-1", amount=250.01)
        yield client, date.today()  # noqa: DTZ011 - a day of this machine, as the sandbox's


@pytest.mark.parametrize("kind", ["settlement", "processing"])
@pytest.mark.parametrize("name", COURSES)
def test_the_reports_of_days_to_come_tell_how_a_payment_s_money_came(
    played: tuple[Client, date], kind: str, name: str
) -> None:
    """Parts, twice, returned, reversed and late are seen at once, each line in the report of its day."""
    client, today = played
    told = [
        (day, row["Amount"], row["Status"])
        for day in range(5)
        for row in report(client, kind, today + timedelta(days=day))
        if row["Reference Id"] == f"{name}-1"
    ]
    accepted = [(0, "250.01", "Accepted")] if (name, kind) == ("Late", "processing") else []
    assert told == accepted + COURSES[name]


def test_a_transaction_id_is_of_one_movement_of_money(played: tuple[Client, date]) -> None:
    """Each part, payment and reversal is a transaction; a refund is a new word for the one of the API."""
    client, today = played
    rows = report(client, "settlement", today + timedelta(days=3), days="4")
    ids = {name: [row["Transaction Id"] for row in rows if row["Reference Id"] == f"{name}-1"] for name in COURSES}
    counts = {name: len(set(found)) for name, found in ids.items()}
    assert counts == {"Happy3": 1, "InParts": 2, "Twice": 2, "Returned": 1, "Reversed": 2, "Late": 1}
    for row in rows:
        details = client.get(f"{SESSIONS}/{row['Session Id']}/details").json()
        assert details["schedule"]["transactions"][0]["id"] == ids[row["Reference Id"].removesuffix("-1")][0]


def test_what_came_back_is_still_settled_to_the_api(played: tuple[Client, date]) -> None:
    """Only the reports tell of a return: both calls know the documented words and no others."""
    client, today = played
    for row in report(client, "settlement", today):
        assert client.states(row["Session Id"]) == ("Completed", "Settled")
        assert client.get(f"{SESSIONS}/{row['Session Id']}/status").json()["status"] == "Completed"


@pytest.mark.parametrize("kind", ["settlement", "processing"])
def test_reports_of_several_days_overlap(played: tuple[Client, date], kind: str) -> None:
    """A report of two days has the lines of both; money is told in the same words by each, to the letter."""
    client, today = played
    tomorrow = today + timedelta(days=1)
    first, second = report(client, kind, today), report(client, kind, tomorrow)
    both = report(client, kind, tomorrow, days="2")
    assert len(both) == len(first) + len(second)
    assert all(row in both for row in first + second if row["Settled Date"])


def test_a_report_can_leave_out_the_ids(played: tuple[Client, date]) -> None:
    """Without ids, as banks' reports are, nothing else differs."""
    client, today = played
    bare = report(client, "settlement", today, ids="no")
    ids = {"Session Id", "Transaction Id"}
    rows = report(client, "settlement", today)
    assert bare == [{name: cell for name, cell in row.items() if name not in ids} for row in rows]


def test_halves_of_the_largest_amount_add_up() -> None:
    """Two lines that add up to the cent whatever the amount; a request without amount has lines without one."""
    largest = "79228162514264337593543950335"
    with sandboxed(settle_after=timedelta(0)) as client:
        client.create(json.dumps(payload(referenceId="InParts-1", amount="@")).replace('"@"', largest))
        client.created_id(referenceId="InParts-2", amount=None)
        rows = report(client, "settlement", date.today())  # noqa: DTZ011 - a day of this machine, as the sandbox's
    assert [row["Amount"] for row in rows] == [
        "39614081257132168796771975167.50",
        "39614081257132168796771975167.50",
        "",
        "",
    ]


def test_whoever_plays_the_payor_chooses_how_the_money_comes(tmp_path: Path) -> None:
    """With `course` beside the decision any request takes it, and the next sandbox on the file knows it still."""
    store = tmp_path / "sandbox.jsonl"
    today = date.today()  # noqa: DTZ011 - a day of this machine, as the sandbox's
    with sandboxed(store=store, settle_after=timedelta(0)) as client:
        session_id = client.created_id(amount=None)
        assert client.decide(session_id, "accepted", amount="80", course="Vanished").status_code == 400
        assert client.decide(session_id, "accepted", amount="80", course="Reversed").status_code == 303
        client.created_id(referenceId="Twice-1", amount=7)
    with sandboxed(store=store, settle_after=timedelta(0)) as client:
        rows = report(client, "settlement", today + timedelta(days=1), days="2")
    assert [row["Amount"] for row in rows] == ["80.00", "-80.00", "7.00", "7.00"]


@pytest.mark.parametrize(
    "asked",
    ["date=30-11-2026", "date=9999-12-31", "days=0", "days=-1", "days=x", "days=99999999999999", "ids=maybe"],
)
def test_a_report_that_is_asked_for_wrongly_is_refused(client: Client, asked: str) -> None:
    """What can't be understood is answered 400 with how to ask."""
    answer = client.http.get(f"/sandbox/reports/settlement.csv?{asked}")
    assert answer.status_code == 400
    assert "?date=2026-11-30&days=3&ids=no" in answer.json()["detail"]


def test_only_this_machine_reads_what_was_created(client: Client) -> None:
    """A web page that points its own name at loopback is refused."""
    assert client.http.get("/sandbox/sessions", headers={"Host": "evil.example"}).status_code == 403


def test_the_base_url_welcomes_a_person(client: Client) -> None:
    """The address that is announced opens as a page."""
    assert "The sandbox is running" in client.http.get("/").text


def test_the_documented_scenarios_are_the_real_ones() -> None:
    """The table in `docs/sandbox.md` is the one that the code draws."""
    assert markdown() in (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")


# --- memory ------------------------------------------------------------------------------------------------------


def test_a_link_of_an_earlier_run_opens_again(tmp_path: Path) -> None:
    """What was created, opened and decided is known to the next sandbox on the same file."""
    store = tmp_path / "new folder" / "sandbox.jsonl"
    with sandboxed(store=store) as client:
        declined, opened = client.created_id(referenceId="REF-1"), client.created_id(referenceId="REF-1")
        client.decide(declined, "declined")
        client.page(opened)
    with sandboxed(store=store) as client:
        assert client.states(declined) == ("Failed", "Declined")
        assert client.states(opened) == ("InProgress", "Initiated")
        assert client.created("REF-1") == client.received("REF-1") == 2


def test_the_file_is_its_owner_s_only(tmp_path: Path) -> None:
    """The file holds names and addresses: nobody else may read it, whatever its mode was before."""
    store = tmp_path / "sandbox.jsonl"
    store.touch(0o644)
    with sandboxed(store=store) as client:
        client.created_id()
    assert store.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b'{"created":{"se', b"\x00\xff", b'{"received":null}'])
def test_a_line_that_was_torn_by_a_kill_is_forgotten(tmp_path: Path, torn: bytes) -> None:
    """What stands behind the last newline is cut off, and later lines are whole."""
    store = tmp_path / "sandbox.jsonl"
    with sandboxed(store=store) as client:
        before = client.created_id()
    with store.open("ab") as file:
        file.write(torn)
    with sandboxed(store=store) as client:
        after = client.created_id()
    with sandboxed(store=store) as client:
        assert client.states(before) == client.states(after) == ("Initiated", "Initiated")
        assert client.http.get("/sandbox/sessions").json()["unreadableLines"] == 0


def test_a_damaged_line_is_passed_over_and_counted(tmp_path: Path) -> None:
    """A line in the middle that can't be read costs no other line."""
    store = tmp_path / "sandbox.jsonl"
    store.write_bytes(b'damaged\n{"opened":{"session_id":"gone","at":"2026-11-30T00:00:00Z"}}\n')
    with sandboxed(store=store) as client:
        client.created_id()
        assert client.http.get("/sandbox/sessions").json()["unreadableLines"] == 2


# --- the process -------------------------------------------------------------------------------------------------


@contextmanager
def command(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command `sandbox` in a process of its own, and the one line that it printed."""
    code = "from pipeline.cli.sandbox import sandbox; sandbox()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """After kill -9 every session whose answer had arrived is there for the next sandbox."""
    store = tmp_path / "sandbox.jsonl"
    with command("--port", "0", "--store", str(store)) as (process, url):
        client = Client(RunningSandbox(url, "sandbox", "sandbox"))
        created = [client.created_id() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with sandboxed(store=store) as client:
        assert [session["sessionId"] for session in client.http.get("/sandbox/sessions").json()["sessions"]] == created


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_the_command_prints_its_address_and_stops_quietly(tmp_path: Path, number: Signals) -> None:
    """The command prints one line, its address, writes nothing else, and ends with 0 when it is stopped."""
    with command("--port", "0", "--store", str(tmp_path / "s")) as (process, url):
        assert httpx.get(url).status_code == 200
        # What uvicorn would warn about must not reach the terminal either.
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as sock:
            sock.sendall(b"no http\r\n\r\n")
            assert read_to_end(sock)[0].startswith(b"HTTP/1.1 400")
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_a_store_that_can_not_be_used_is_one_sentence(tmp_path: Path) -> None:
    """A place where no file can be made ends the command with 2 and a sentence that names it."""
    (tmp_path / "file").touch()
    with command("--port", "0", "--store", str(tmp_path / "file" / "s")) as (process, _):
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert str(tmp_path / "file" / "s") in told
    assert "Traceback" not in told


def test_the_command_lists_the_scenarios() -> None:
    """`--scenarios` prints every name with its sentence and serves nothing."""
    code = "from pipeline.cli.sandbox import sandbox; sandbox()"
    found = subprocess.run([sys.executable, "-c", code, "--scenarios"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in found.stdout.splitlines()] == [scenario.name for scenario in SCENARIOS]


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    """When the preferred port is taken the sandbox listens on another; when it is free again, on that."""
    port = own_port()
    with running(SandboxOptions(port=port)) as first, running(SandboxOptions(port=port)) as second:
        assert second.base_url != first.base_url
        assert httpx.get(second.base_url).status_code == 200
    with running(SandboxOptions(port=port)) as again:
        assert again.base_url == first.base_url


def test_it_listens_on_loopback_only(client: Client) -> None:
    """The base URL is of 127.0.0.1, and other addresses of loopback's network are not served."""
    url = urlsplit(client.sandbox.base_url)
    assert url.hostname == "127.0.0.1"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", url.port), timeout=0.3)


def test_a_sandbox_inside_the_process_leaves_its_signals_and_threads_alone() -> None:
    """`running` installs no signal handler, and its thread is gone when it ends."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), threading.active_count()
    with running(SandboxOptions(port=0)):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before[:2]
    assert threading.active_count() == before[2]


def test_importing_the_sandbox_is_cheap() -> None:
    """The web server is imported when a sandbox is started, not when a command is."""
    code = "import sys, pipeline.sandbox; print({'starlette', 'uvicorn', 'msgspec'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_a_stopped_sandbox_lets_go_of_its_file(tmp_path: Path) -> None:
    """Starting and stopping leaves no open file behind."""
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(2):
        with running(SandboxOptions(port=0, store=tmp_path / "s")):
            pass
    assert len(list(Path("/dev/fd").iterdir())) <= before
