"""Bearer tokens: who may call, and for how long. Tokens live in memory; a restarted sandbox knows none."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class IssuedTokens:
    """The tokens that were given out.

    lifetime: seconds. single_use: a token creates one session. now: a clock in seconds that never goes back.
    """

    lifetime: float
    single_use: bool
    now: Callable[[], float]
    _expiry: dict[str, float] = field(default_factory=dict)
    _spent: set[str] = field(default_factory=set)

    def issue(self) -> str:
        """A fresh token."""
        token = secrets.token_urlsafe(24)
        self._expiry[token] = self.now() + self.lifetime
        return token

    def fault(self, authorization: str | None, *, spend: bool) -> str | None:
        """Why a header `Authorization` is refused, or None. `spend`: the call creates a session."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "A bearer token is required."
        if token not in self._expiry:
            return "The token is unknown."
        if self.now() >= self._expiry[token]:
            return "The token is expired."
        if spend and self.single_use:
            if token in self._spent:
                return "The token was used before."
            self._spent.add(token)
        return None

    def revoke_all(self) -> None:
        """Forget every token."""
        self._expiry.clear()
        self._spent.clear()
