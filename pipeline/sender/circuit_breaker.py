"""When a whole run should stop: many answers in a row that say the same.

Pure state over the verdicts in the order in which they came. Each reason to stop is a sentence key of
`pipeline/messages/send.toml`; the rows that were not reached stay `not-sent`, and the same command goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.domain.attempt_rules import Created, Denied, Perhaps, TokenDenied, Unsent, Verdict
from pipeline.domain.errors import (
    ApiUnreachableError,
    CredentialsError,
    NeedsPersonError,
    RequestsRefusedError,
    RunError,
    StoppedEarlyError,
)
from pipeline.domain.responses import NotSentKind
from schemas.faults import Fault

UNCERTAIN_IN_A_ROW: Final = 20
"""API notes: "After 20 uncertain results in a row the run stops sending"."""
FORBIDDEN_AT_FIRST: Final = 20
"""API notes: "when the first 20 answers of a run are all 403, stop"."""
MAX_FAILURES: Final = 20
"""Default of `--max-failures`."""

_FORBIDDEN: Final = 403

_OF_THE_ROW: Final = re.compile(r"""'[^']*'|"[^"]*"|«[^»]*»|\S*[\d@]\S*""")
"""What in a refusal's words is about one row: what it quotes, numbers, references, addresses."""


@dataclass(slots=True)
class Breaker:
    """Counts in a row. `max_failures` is of rows that ended without a session for one and the same reason."""

    max_failures: int = MAX_FAILURES
    _answers: int = 0
    _forbidden: int = 0
    _uncertain: int = 0
    _failed: int = 0
    _reason: object = None

    def attempted(self, verdict: Verdict) -> RunError | None:
        """Count an attempt's verdict; returns why the run must stop, if it must."""
        if isinstance(verdict, Perhaps):
            self._uncertain += 1
            if self._uncertain >= UNCERTAIN_IN_A_ROW:
                return StoppedEarlyError("send.stopped_uncertain", count=self._uncertain)
            return None
        if isinstance(verdict, Unsent):
            return None  # no answer at all: it neither adds to the uncertain ones nor ends their row
        self._uncertain = 0
        if isinstance(verdict, Created | Denied):
            self._answers += 1
            self._forbidden += isinstance(verdict, Denied) and verdict.status == _FORBIDDEN
            if self._answers == self._forbidden == FORBIDDEN_AT_FIRST:
                return CredentialsError("send.stopped_forbidden", count=self._forbidden)
        return None

    def ended(self, verdict: Verdict) -> RunError | None:
        """Count the last verdict of a row; returns why the run must stop, if it must."""
        if isinstance(verdict, Created | Perhaps | TokenDenied):
            self._failed, self._reason = 0, None
            return None
        reason = _reason_of(verdict)
        self._failed = self._failed + 1 if reason == self._reason else 1
        self._reason = reason
        if self._failed < self.max_failures:
            return None
        if isinstance(verdict, Unsent) and (why := _refused_certificate(verdict)):
            return NeedsPersonError("send.not_trusted", reason=why)
        if isinstance(verdict, Denied):
            return RequestsRefusedError("send.stopped_refused", count=self._failed)
        return ApiUnreachableError("send.stopped_unreachable", count=self._failed)


def _reason_of(verdict: Verdict) -> object:
    """What makes two failures the same: the status, the fields and the words, not the values of the row."""
    if isinstance(verdict, Denied):
        return verdict.status, frozenset((fault.field, _words(fault)) for fault in verdict.reasons)
    return type(verdict)


def _refused_certificate(verdict: Unsent) -> str:
    """Why the certificate was not accepted; empty where that is not what kept the request from being sent."""
    told = [dict(fault.details) for fault in verdict.reasons]
    return next((details["cause"] for details in told if details.get("kind") == NotSentKind.CERTIFICATE), "")


def _words(fault: Fault) -> str:
    return " ".join(_OF_THE_ROW.sub(" ", dict(fault.details).get("message", "")).split())
