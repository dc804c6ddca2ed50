"""The kinds of values that a setting can have: a text, a number, an amount, one of a few words.

Each takes what an option, a variable or the file gave and returns the value, or raises `InvalidValue` with the words
for what it should have been.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pipeline.messages import N_, Message
from schemas.money import Reason, parse, to_the_cent

MOST_AT_ONCE: Final = 512
"""Requests in flight: above this a machine runs out of connections, not the API."""


class InvalidValue(ValueError):
    """The value is not of its kind. `words` say what it must be."""

    def __init__(self, text: str, **params: object) -> None:
        super().__init__(text)
        self.words = Message(text, params)


def text(value: object) -> str:
    """Any text, without the blanks around it."""
    if not isinstance(value, str):
        raise InvalidValue(N_("text"))
    return value.strip()


def header(value: object) -> str:
    """A text that can stand in a header."""
    given = text(value)
    if not (given.isascii() and given.isprintable()):
        raise InvalidValue(N_("plain ASCII text"))
    return given


def base_url(value: object) -> str:
    """Where the API is: https only, but for this machine itself.

    Spelt in one way, since it names the environment of a batch: the same API by two names would be two memories.
    """
    url = text(value)
    if not url:
        return url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidValue(
            N_("an address such as https://payments.example.com, without a user, question mark or hash")
        ) from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        raise InvalidValue(N_("an address such as https://payments.example.com, without a user, question mark or hash"))
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidValue(
            N_("an https:// address (http:// is allowed only for this computer, not for {host})"), host=host
        )
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None or port == _PORTS[parts.scheme] else f"{shown}:{port}"
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))


_PORTS: Final = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


POSTGRESQL: Final = "postgresql://"
_SQLITE: Final = "sqlite:///"
_IS_PATH: Final = re.compile(r"[./\\~]|[a-z]:", re.IGNORECASE)
"""How a name begins that can only be a path: with a folder, or with a drive of Windows."""

_LOOKS_LIKE_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]*:"  # a scheme, or a server with its port
    r"|.*://"
    r"|(?:postgres(?:ql)?|psql|pg|sqlite3?|mysql|mariadb|https?)[/\\]{2}"
    r"|.*\b(?:host|dbname|password)\s*=",  # as libpq also takes it
    re.IGNORECASE | re.DOTALL,
)


def journal(value: object) -> str:
    """The place of a journal: a path, `sqlite:///PATH` or `postgresql://…`. `journal_file` says which it is."""
    place = text(value)
    journal_file(place)
    return place


def journal_file(place: str) -> Path | None:
    """The file of a journal, None for one on a PostgreSQL server: the one rule of what a journal's place is.

    What looks like an address and is none is no path: an empty journal would be made there, and every payor asked
    again. The file is absolute, since some names (`:memory:`) mean something else to SQLite. Raises InvalidValue.
    """
    if place.startswith(POSTGRESQL):
        return None
    name = place.removeprefix(_SQLITE)
    named = name != place or _IS_PATH.match(name) is not None
    if not name or "\0" in name or not (named or _LOOKS_LIKE_ADDRESS.match(name) is None):
        raise InvalidValue(
            N_(
                "the path of a file (./NAME if the name has a colon) or an address such as "
                "postgresql://USER@HOST/DATABASE, with both slashes"
            )
        )
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:  # the home of a user who does not exist
        raise InvalidValue(
            N_(
                "the path of a file (./NAME if the name has a colon) or an address such as "
                "postgresql://USER@HOST/DATABASE, with both slashes"
            )
        ) from None


def whole(value: object) -> int:
    """A whole number above 0."""
    number = _whole_or_none(value)
    if number is None or number < 1:
        raise InvalidValue(N_("a whole number above 0"))
    return number


def at_once(value: object) -> int:
    """How many requests may be in flight."""
    number = _whole_or_none(value)
    if number is None or not 1 <= number <= MOST_AT_ONCE:
        raise InvalidValue(N_("a whole number from 1 to {most}"), most=MOST_AT_ONCE)
    return number


def _whole_or_none(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


def positive(value: object) -> float:
    """A number above 0."""
    try:
        number = float(str(value))
    except ValueError:
        raise InvalidValue(N_("a number above 0")) from None
    if not 0 < number < float("inf"):
        raise InvalidValue(N_("a number above 0"))
    return number


def rate(value: object) -> float | None:
    """A number above 0, or nothing."""
    return None if value in {"", None} else positive(value)


def money(value: object) -> Decimal:
    """Dollars above 0, with at most two decimals, as a sheet may have them (`$1,205.40`, `1 205,40 $`)."""
    amount = dollars(value)
    if not amount:
        raise InvalidValue(N_("an amount such as 25000.00"))
    return amount


def dollars(value: object) -> Decimal:
    """The same, or 0."""
    amount = parse(str(value).strip())
    if amount is Reason.AMBIGUOUS:
        raise InvalidValue(N_('an amount such as 25000.00; "{value}" can be read in two ways'), value=value)
    if isinstance(amount, Reason) or amount < 0 or amount != to_the_cent(amount):
        raise InvalidValue(N_("an amount such as 25000.00"))
    return amount


def yes_no(value: object) -> bool:
    """True or false, in the words that people use for them."""
    match str(value).strip().casefold():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
        case _:
            raise InvalidValue(N_("true or false"))


def one_of(*choices: str) -> Callable[[object], str]:
    """One of these words."""

    def parse(value: object) -> str:
        if value not in choices:
            raise InvalidValue(N_("one of {choices}"), choices=", ".join(f'"{choice}"' for choice in choices if choice))
        return str(value)

    return parse


def names(value: object) -> tuple[str, ...]:
    """Names, as a list or as one text with commas between them; at least one."""
    if isinstance(value, str):
        return split_names(value)
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(name.strip() for name in value)
    raise InvalidValue(N_("a list of field names"))


def split_names(given: str) -> tuple[str, ...]:
    """The names in `referenceId,"Invoice #"`: commas apart, quotes around a name that has a comma of its own.

    Raises InvalidValue for an empty list, and for a line break between names.
    """
    import csv  # noqa: PLC0415 - only when the option is given

    try:
        found = tuple(name.strip() for name in next(csv.reader([given], skipinitialspace=True), []) if name.strip())
    except csv.Error as error:
        raise InvalidValue(N_("a list of field names")) from error
    if not found:
        raise InvalidValue(N_("a list of field names"))
    return found
