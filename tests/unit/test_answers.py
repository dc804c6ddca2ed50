"""What the API's answers say: any bytes give a value, and none is believed without proof."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.domain.responses import (
    MAX_LIFETIME,
    MAX_RAW,
    MAX_RETRY_AFTER,
    CreatedSession,
    Token,
    Unusable,
    field_of,
    parse_created,
    parse_problem,
    parse_token,
    retry_after_seconds,
)

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "created"),
    [
        pytest.param({"sessionId": ID, "referenceId": "INV-1"}, CreatedSession(ID, "INV-1"), id="as it should be"),
        pytest.param({"sessionId": ID, "referenceId": None}, CreatedSession(ID, None), id="null reference"),
        pytest.param({"sessionId": ID}, CreatedSession(ID, None), id="no reference"),
        pytest.param({"sessionId": ID.upper()}, CreatedSession(ID.upper(), None), id="capitals"),
        pytest.param({"sessionId": ID, "referenceId": 12}, CreatedSession(ID, "12"), id="a number as reference"),
        pytest.param({"sessionId": ID, "more": [1]}, CreatedSession(ID, None), id="fields that nobody knows"),
    ],
)
def test_a_created_session(body: Any, created: CreatedSession) -> None:
    """A UUID as sessionId is a session; the reference is handed on as it came."""
    assert parse_created(json.dumps(body).encode()) == created


def test_a_byte_order_mark_is_no_fault() -> None:
    """UTF-8 with a mark is read."""
    assert parse_created(b"\xef\xbb\xbf" + json.dumps({"sessionId": ID}).encode()) == CreatedSession(ID, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html></html>",
        b"\xff\xfe",
        b'{"sessionId"',
        b"{}",
        b'{"sessionId": null}',
        b'{"sessionId": 12}',
        b'{"sessionId": ""}',
        b'{"sessionId": "not-a-uuid"}',
        b'{"sessionId": "00000000-0000-0000-0000-000000000000"}',
        b'{"sessionId": "{0f8fad5b-d9cb-469f-a165-70867728950e}"}',
        b'{"sessionId": "0f8fad5b-d9cb-469f-a165-70867728950e\\n"}',
        b'{"SessionID": "0f8fad5b-d9cb-469f-a165-70867728950e"}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_session_is_unusable(body: bytes) -> None:
    """Anything else is unusable, and the reason quotes nothing of it."""
    answer = parse_created(body)
    assert isinstance(answer, Unusable)
    assert "0f8fad5b" not in answer.reason


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        pytest.param(599, 599.0, id="number"),
        pytest.param(2.5, 2.5, id="fraction"),
        pytest.param("299", 299.0, id="text"),
        pytest.param(10**12, MAX_LIFETIME, id="absurd"),
        pytest.param("1" + "0" * 400, MAX_LIFETIME, id="more than absurd"),
        pytest.param(0, None, id="zero"),
        pytest.param(-5, None, id="negative"),
        pytest.param("soon", None, id="words"),
        pytest.param("nan", None, id="no number"),
        pytest.param(None, None, id="null"),
        pytest.param(True, None, id="boolean"),
        pytest.param([599], None, id="list"),
    ],
)
def test_the_lifetime_of_a_token(expires_in: Any, lifetime: float | None) -> None:
    """A lifetime is a positive number of seconds, or was not said."""
    body = json.dumps({"access_token": "abc", "token_type": "bearer", "expires_in": expires_in}).encode()
    assert parse_token(body) == Token("abc", lifetime)


def test_a_number_beyond_floats_is_a_long_life() -> None:
    """An integer that no float holds is not an exception."""
    answer = parse_token(b'{"access_token": "abc", "expires_in": 1' + b"0" * 400 + b"}")
    assert isinstance(answer, Token | Unusable)


@pytest.mark.parametrize("token", [None, "", 12, "a b", "a\r\nX-Evil: 1", "é"])
def test_a_token_that_no_header_can_carry_is_unusable(token: Any) -> None:
    """A token goes into a header as it is: anything but visible ASCII is refused."""
    assert isinstance(parse_token(json.dumps({"access_token": token}).encode()), Unusable)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("Payor.Email", "email"),
        ("payor.firstName", "firstName"),
        ("$.payee.account.transitNumber", "transitNumber"),
        ("Amount", "amount"),
        ("$.amount", "amount"),
        ("request.Payor.LastName", "lastName"),
        ("Email", "email"),
        ("Options.NotificationPreferences.SendInteracLink", "sendInteracLink"),
        ("sessions[0].Payor.MiddleName", "middleName"),
        ("Payor", "Payor"),
        ("Spouse.Email", "Spouse.Email"),
        ("account", "account"),
        ("", ""),
        ("$", "$"),
    ],
)
def test_the_field_that_a_key_means(key: str, field: str) -> None:
    """Keys of `errors` are ours whatever their case and prefix; one that is unknown or unclear stays as it is."""
    assert field_of(key) == field


def test_problem_details() -> None:
    """Title, detail and errors are read, errors by our names, single messages and lists alike."""
    problem = parse_problem(
        json.dumps(
            {
                "title": "One or more validation errors occurred.",
                "status": 400,
                "detail": "See errors.",
                "traceId": "00-1",
                "errors": {"Payor.Email": ["is not valid", "is too long"], "Amount": "must be positive", "x": None},
            }
        ).encode()
    )
    assert (problem.title, problem.detail) == ("One or more validation errors occurred.", "See errors.")
    assert problem.errors == (("email", "is not valid"), ("email", "is too long"), ("amount", "must be positive"))
    assert "traceId" in problem.raw


@given(st.one_of(st.binary(max_size=3000), st.from_type(type(None)).map(lambda _: b"<html>" * 1000)))
def test_any_body_is_a_problem(body: bytes) -> None:
    """HTML, nothing, or no text at all: a refusal always reads, and what is kept of it is bounded."""
    assert len(parse_problem(body).raw) <= MAX_RAW


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(st.fixed_dictionaries({}, optional={"title": JSON, "detail": JSON, "errors": JSON, "sessionId": JSON}))
def test_any_json_is_read(answer: dict[str, Any]) -> None:
    """Fields of unexpected types are no exception."""
    body = json.dumps(answer).encode()
    problem = parse_problem(body)
    assert all(isinstance(part, str) for pair in problem.errors for part in pair)
    parse_created(body)
    parse_token(body)


@pytest.mark.parametrize(
    "body",
    [
        b"Authorization: Bearer s3cret-token",
        b"<p>Basic s3cret-token</p>",
        b'{"detail": "bearer s3cret-token was not accepted"}',
        b'{"access_token": "s3cret-token"}',
        b"Username=me&Password=s3cret-token&grant_type=x",
    ],
)
def test_credentials_that_an_error_page_echoes_are_not_kept(body: bytes) -> None:
    """What is kept for people has no token and no password in it."""
    problem = parse_problem(body)
    assert "s3cret" not in f"{problem.raw} {problem.title} {problem.detail} {problem.errors}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("0", 0.0, id="at once"),
        pytest.param(" 120 ", 120.0, id="seconds"),
        pytest.param("999999999999", MAX_RETRY_AFTER, id="absurd"),
        pytest.param("9" * 400, MAX_RETRY_AFTER, id="more than absurd"),
        pytest.param("Tue, 24 Nov 2026 18:00:30 GMT", 30.0, id="date"),
        pytest.param("Tue, 24 Nov 2026 13:00:30 -0500", 30.0, id="date with an offset"),
        pytest.param("Tue, 24 Nov 2026 17:00:00 GMT", 0.0, id="past"),
        pytest.param("Tue, 24 Nov 2099 17:00:00 GMT", MAX_RETRY_AFTER, id="far"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="words"),
        pytest.param("", None, id="empty"),
        pytest.param("٣", None, id="digits of another script"),
        pytest.param("Tue, 99 Nov 2026 18:00:30 GMT", None, id="no date"),
        pytest.param("1.5", 1.5, id="a part of a second"),
        pytest.param("0.25", 0.25, id="less than a second"),
        pytest.param("1,5", None, id="a comma"),
        pytest.param("1.", None, id="half a number"),
        pytest.param("1e3", None, id="an exponent"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="no end"),
        pytest.param("+3", None, id="a sign"),
        pytest.param("3, 5", None, id="two in one"),
        pytest.param("Tuesday, 24-Nov-26 18:00:30 GMT", 30.0, id="a date of RFC 850"),
        pytest.param("Tue Nov 24 18:00:30 2026", 30.0, id="a date of asctime"),
        pytest.param("2026-11-24T18:00:30Z", None, id="a date of ISO 8601"),
        pytest.param("Tue, 24 Nov 2026 18:00:30 GMT, 3", None, id="a date and more"),
        pytest.param("Tue, 24 Nov 2026 18:00:30 +99999999999999", None, id="an endless offset"),
        pytest.param("Tue, 24 Nov 2026 18:00:30 +9999", None, id="an offset that is none"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2300", MAX_RETRY_AFTER, id="the last moment"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +2300", 0.0, id="before the first moment"),
        pytest.param("\xff\x00", None, id="no text"),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds or a date, in bounds; what can't be read counts as not said."""
    assert retry_after_seconds([value], NOW) == seconds


@pytest.mark.parametrize("values", [[], ["3", "3"], ["3", "5"], ["soon", "3"]], ids=str)
def test_none_and_several_headers_say_nothing(values: list[str]) -> None:
    """Of several it can't be told which one is meant."""
    assert retry_after_seconds(values, NOW) is None


ODD_DATES = st.from_regex(
    r"[A-Z][a-z]{2}, ?[0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{0,12}|GMT|[A-Z]{1,4})"
)


@given(st.text() | ODD_DATES | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str))
def test_no_retry_after_is_an_exception(value: str) -> None:
    """Whatever the header says, the result is a wait in bounds or None."""
    seconds = retry_after_seconds([value], NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@pytest.mark.parametrize("body", [b"[]", b"no JSON"])
def test_an_answer_to_authorize_that_is_no_object_has_no_token(body: bytes) -> None:
    """It is unusable, whatever it is."""
    assert isinstance(parse_token(body), Unusable)
