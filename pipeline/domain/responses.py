"""How an exchange ends and what its answer says: bytes in, plain values out. Pure, and total: any body gives a value.

Nothing here branches on prose, and nothing here decides what an answer means for a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from schemas.fields import FIELDS

MAX_RAW: Final = 2000
"""Characters of an answer that are kept for people."""

MAX_RETRY_AFTER: Final = 3600.0
"""Seconds. A server that asks for more is taken at this."""

MAX_LIFETIME: Final = 86400.0
"""Seconds. No token is believed to live longer."""

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_DATE: Final = re.compile(
    rf"([A-Za-z]+, ?)?[0-9]{{1,2}}[ -][A-Za-z]{{3}}[ -]([0-9]{{2}}|[0-9]{{4}}) {_CLOCK} (GMT|UTC|[+-][0-9]{{4}})"
    rf"|[A-Za-z]{{3}} [A-Za-z]{{3}} +[0-9]{{1,2}} {_CLOCK} [0-9]{{4}}"
)
"""RFC 9110, section 5.6.7, and an offset in the place of GMT. Python's own reader takes much else for a date."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NIL: Final = "00000000-0000-0000-0000-000000000000"
_VISIBLE: Final = re.compile(r"[!-~]+")
_SECRET: Final = re.compile(
    r"""((?:bearer|basic)\s+|["']?(?:access_token|password)["']?\s*[:=]\s*["']?)[^\s"'<>&,;]+""", re.IGNORECASE
)
_PATHS: Final = {tuple(part.casefold() for part in rule.path): rule.field.value for rule in FIELDS}


class NotSentKind(StrEnum):
    """Where an exchange failed before the first byte of its request."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"


class MaybeSentKind(StrEnum):
    """How an exchange failed after the first byte of its request may have left."""

    TIMEOUT = "timeout"
    LOST = "lost"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer came. `retry_after` is in seconds from now, None without a readable `Retry-After`."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotSentFailure:
    """No byte of the request has left; `text` says why, in English."""

    kind: NotSentKind
    text: str


@dataclass(frozen=True, slots=True)
class MaybeSentFailure:
    """The request may have been carried out; `text` says how its answer was lost, in English."""

    kind: MaybeSentKind
    text: str


Exchange = Answered | NotSentFailure | MaybeSentFailure
"""How one exchange with the API ended."""


@dataclass(frozen=True, slots=True)
class CreatedSession:
    """The API says that it made a session. Whether `reference_id` is ours is for the reader to compare."""

    session_id: str = field(repr=False)
    reference_id: str | None


@dataclass(frozen=True, slots=True)
class Unusable:
    """The answer can't be used; `reason` says why, in English, without any of its content."""

    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, as far as it explains itself.

    `errors` pairs a field and a message: our field's name where the API's key could be matched, else the key
    itself. `raw` is the body as text, bounded, without credentials.
    """

    title: str
    detail: str
    errors: tuple[tuple[str, str], ...]
    raw: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. `lifetime` is in seconds from when it was asked for, None when the API did not say."""

    value: str = field(repr=False)
    lifetime: float | None


def parse_created(body: bytes) -> CreatedSession | Unusable:
    """Read the answer to a creation: it counts only with a sessionId that is a UUID."""
    answer = _object(body)
    if answer is None:
        return Unusable("the answer is not a JSON object")
    session_id = answer.get("sessionId")
    if not isinstance(session_id, str) or not _UUID.fullmatch(session_id) or session_id == _NIL:
        return Unusable("the answer has no sessionId that is a UUID")
    reference = answer.get("referenceId")
    return CreatedSession(session_id, _text(reference) if reference is not None else None)


def parse_token(body: bytes) -> Token | Unusable:
    """Read the answer to `authorize`. A lifetime that is no positive number counts as not given."""
    answer = _object(body)
    if answer is None:
        return Unusable("the answer is not a JSON object")
    value = answer.get("access_token")
    # A token goes into a header as it is: anything but visible ASCII would break the request, or add to it.
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        return Unusable("the answer has no usable access_token")
    return Token(value, _lifetime(answer.get("expires_in")))


def parse_problem(body: bytes) -> Problem:
    """Read a refusal, ProblemDetails or anything else (api: "Accept any body")."""
    raw = _redacted(body.decode("utf-8", "replace").strip())[:MAX_RAW]
    answer = _object(body)
    if answer is None:
        return Problem("", "", (), raw)
    return Problem(
        _redacted(_text(answer.get("title") or ""))[:MAX_RAW],
        _redacted(_text(answer.get("detail") or ""))[:MAX_RAW],
        tuple(_errors(answer.get("errors"))),
        raw,
    )


def retry_after_seconds(values: Sequence[str], now: datetime) -> float | None:
    """Seconds to wait from the `Retry-After` headers of an answer: seconds, perhaps a part of one, or a date.

    `now` is aware. A date in the past is 0, more than an hour is an hour, and an unreadable one is None, as if it were
    missing: a 503 without a readable "later" does not say "later". Several headers are unreadable too.
    """
    if len(values) != 1:
        return None
    text = values[0].strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER)
    moment = http_date(text)
    return None if moment is None else min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def http_date(text: str) -> datetime | None:
    """The moment (aware) that a header names, in one of the forms of HTTP and of e-mail; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def field_of(key: str) -> str:
    """Our name for a key of ProblemDetails' `errors` (`Payor.Email`, `$.payee.account.transitNumber`).

    A key that fits no field, or more than one, stays as it is.
    """
    parts = tuple(
        part.casefold() for part in re.split(r"[.\[\]/]+", key) if part not in {"", "$"} and not part.isdigit()
    )
    if not parts:
        return key
    fits = {name for path, name in _PATHS.items() if parts[-len(path) :] == path}
    fits = fits or {name for path, name in _PATHS.items() if path[-len(parts) :] == parts}
    return fits.pop() if len(fits) == 1 else key


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _errors(errors: Any) -> list[tuple[str, str]]:
    match errors:
        case dict():
            return [(field_of(key), message) for key, value in errors.items() for message in _messages(value)]
        case list():
            return [("", message) for message in _messages(errors)]
        case _:
            return []


def _messages(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_redacted(_text(item))[:MAX_RAW] for item in values if item is not None]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _redacted(text: str) -> str:
    """Without credentials that an error page may have echoed."""
    return _SECRET.sub(r"\1***", text)


def _lifetime(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    # The comparison is false for NaN too.
    return min(seconds, MAX_LIFETIME) if seconds > 0 else None
