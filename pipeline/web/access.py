"""Who may use the page: one-use addresses, sessions, and what each request must show.

The page listens on loopback, where every program and every web site that is open in a browser can reach it. What keeps
them out: the names that it answers to (DNS rebinding), a cookie that only a one-use address gives, the origin of each
request that changes something, and a token in each form. https://owasp.org/www-project-top-ten/ names them all.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from schemas.languages import Lang

IDLE_SECONDS: Final = 15 * 60
"""After so long without use the page is locked; the work is kept."""

KEY_SECONDS: Final = 5 * 60
"""How long a one-use address can be used."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every response: nothing from elsewhere, nothing kept, nothing told."""


@dataclass(slots=True)
class Session:
    """A browser that came in by a one-use address. `last_used` is on the monotonic clock."""

    lang: Lang
    last_used: float
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    searches: dict[str, str] = field(default_factory=dict, repr=False)
    """What was searched for last on a page, by place and batch: names of people, which may not stand in an address."""


class Access:
    """The keys and sessions of a running page; for any thread. They live as long as the process, and no longer."""

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.cookie: Final = f"flinks-import-{port}"
        self.owner_secret: Final = secrets.token_urlsafe(32)
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"})
        self._clock = clock
        self._keys: dict[bytes, float] = {}
        self._sessions: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def new_key(self) -> str:
        """A key for a one-use address."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._keys[_digest(key)] = self._clock() + KEY_SECONDS
        return key

    def enter(self, key: str, lang: Lang) -> str | None:
        """The cookie of a new session for whoever brings a key; None when that is unknown, old or used."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            until = self._keys.pop(_digest(key), None)
            if until is None or until < self._clock():
                return None
            self._sessions[_digest(cookie)] = Session(lang, self._clock())
        return cookie

    def session(self, cookie: str, *, using: bool = True) -> Session | None:
        """The session of a cookie; None without one, or when it was not used for too long.

        `using` is False for what a page asks for by itself: that keeps nobody's session open.
        """
        with self._lock:
            found = self._sessions.get(_digest(cookie))
            if found is None:
                return None
            if self._clock() - found.last_used > IDLE_SECONDS:
                del self._sessions[_digest(cookie)]
                return None
            if using:
                found.last_used = self._clock()
            return found

    def is_owner(self, secret: str) -> bool:
        """Whether this is the secret that only the user who started the page can read."""
        return compare_digest(secret.encode(), self.owner_secret.encode())

    def leave(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_digest(cookie), None)

    def is_ours(self, host: str) -> bool:
        """Whether a request names this page as its host: another name is somebody's who points it here."""
        return host in self._hosts

    def may_change(self, host: str, origin: str | None, site: str | None) -> bool:
        """Whether a request that changes something comes from a page of ours.

        Browsers that are told to send no referrer send `null` as the origin of a form; then they must say by
        `Sec-Fetch-Site` that it is ours. https://fetch.spec.whatwg.org/#append-a-request-origin-header
        """
        if origin is None or origin == "null":
            return site == "same-origin"
        return origin == f"http://{host}" and site in {None, "same-origin"}


def is_token_of(session: Session, token: str) -> bool:
    """Whether a form carries the session's token."""
    return compare_digest(session.form_token.encode(), token.encode())


def _digest(secret: str) -> bytes:
    """What is kept of a secret; looking it up tells nobody how much of a guess was right."""
    return sha256(secret.encode()).digest()
