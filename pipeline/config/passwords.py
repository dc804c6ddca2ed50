"""What may be shown of a place that may hold a password: the URL of a database, the words of libpq, a path."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

MASK: Final = "••••••"
"""Stands for what is not shown."""

_ONLY_A_PATH: Final = re.compile(r"[./\\~]|[a-z]:[/\\]", re.IGNORECASE)
_PASSWORD_WORD: Final = re.compile(r"password\s*=", re.IGNORECASE)
_SERVER: Final = re.compile(r"[^:]*(?::[0-9]*)?(?:/[^:]*)?")


def without_password(place: str) -> str:
    """A place without the password that may be in it, in whatever form; any other text as it is.

    Rather too much is hidden than too little: a password may itself hold `/`, `?`, `#`, `:` and `@`.
    """
    if _ONLY_A_PATH.match(place):
        return place
    if "://" not in place and _PASSWORD_WORD.search(unquote(place)):
        return MASK  # the words of libpq: host=db password=…
    head, question, query = place.partition("?")
    if "@" in query:  # of a user's password that has a question mark, it may be
        return f"{_begin(head)}{MASK}"
    # libpq also takes a password among the parameters.
    if "password" in unquote(query).casefold():
        begin = _begin(head)
        shown = head if "@" not in head and _SERVER.fullmatch(head[len(begin) :]) else _without_users(head)
        return f"{shown}{question}{MASK}"
    return f"{_without_users(head)}{question}{query}"


def has_password(place: str) -> bool:
    """Whether a place may have a password in it."""
    return without_password(place) != place


def _without_users(head: str) -> str:
    """What stands before the parameters without the password of the user, which ends at the last `@`."""
    user, at, server = head.rpartition("@")
    if not at:
        return head
    begin = _begin(user)
    name, colon, _ = user[len(begin) :].partition(":")
    return f"{begin}{name}{colon and f':{MASK}'}@{server}"


def _begin(head: str) -> str:
    """The scheme of a URL with its slashes; empty without one."""
    scheme, slashes, _ = head.partition("//")
    return f"{scheme}{slashes}" if slashes else ""
