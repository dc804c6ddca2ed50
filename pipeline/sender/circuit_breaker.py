"""When a whole run should stop: many answers in a row that say the same.

Pure state over the verdicts in the order in which they came. Each reason to stop is an error; the rows that were not
reached stay `not-sent`, and the same command goes on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pipeline.domain.attempt_rules import Created, Denied, TokenDenied, Unknown, Unsent, Verdict
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


@dataclass(frozen=True, slots=True)
class Streak:
    """How far one of several that send the rows of a run has counted: the answers since it began, those of them that
    were 403, the uncertain ones in a row, and the rows in a row that failed for one reason, a digest.
    """

    answers: int = 0
    forbidden: int = 0
    uncertain: int = 0
    failed: int = 0
    reason: str = ""


@dataclass(slots=True)
class Breaker:
    """Counts in a row. `max_failures` is of rows that ended without a session for one and the same reason.

    `others` are those who send rows of the same run at the moment: what they count is added.
    """

    max_failures: int = MAX_FAILURES
    others: Sequence[Streak] = ()
    _answers: int = 0
    _forbidden: int = 0
    _uncertain: int = 0
    _failed: int = 0
    _reason: str = ""

    @property
    def streak(self) -> Streak:
        """How far it has counted by itself."""
        return Streak(self._answers, self._forbidden, self._uncertain, self._failed, self._reason)

    def attempted(self, verdict: Verdict) -> RunError | None:
        """Count an attempt's verdict; returns why the run must stop, if it must."""
        if isinstance(verdict, Unknown):
            self._uncertain += 1
            uncertain = self._uncertain + sum(other.uncertain for other in self.others)
            if uncertain >= UNCERTAIN_IN_A_ROW:
                return StoppedEarlyError(
                    "Consecutive requests without a usable response: {count}. The API seems to be "
                    "down. The run stopped so that no more rows become unknown. Run the same command "
                    "again later.",
                    count=uncertain,
                )
            return None
        if isinstance(verdict, Unsent):
            return None  # no answer at all: it neither adds to the uncertain ones nor ends their row
        self._uncertain = 0
        if isinstance(verdict, Created | Denied):
            self._answers += 1
            self._forbidden += isinstance(verdict, Denied) and verdict.status == _FORBIDDEN
            answers = self._answers + sum(other.answers for other in self.others)
            forbidden = self._forbidden + sum(other.forbidden for other in self.others)
            if answers == forbidden >= FORBIDDEN_AT_FIRST:
                return CredentialsError(
                    'The API answered "forbidden" (HTTP 403) to every request so far ({count}). '
                    "Nothing more was sent. Ask Flinks whether your account can create e-Transfer "
                    "requests, then run the same command again.",
                    count=forbidden,
                )
        return None

    def ended(self, verdict: Verdict) -> RunError | None:
        """Count the last verdict of a row; returns why the run must stop, if it must."""
        if isinstance(verdict, Created | Unknown | TokenDenied):
            self._failed, self._reason = 0, ""
            return None
        reason = _reason_of(verdict)
        self._failed = self._failed + 1 if reason == self._reason else 1
        self._reason = reason
        failed = self._failed + sum(other.failed for other in self.others if other.reason == reason)
        if failed < self.max_failures:
            return None
        if isinstance(verdict, Unsent) and (why := _refused_certificate(verdict)):
            return NeedsPersonError(
                "The API's certificate is not trusted ({reason}). If your company's proxy "
                "inspects traffic, set its certificates in ca_file; otherwise inform Flinks and "
                "stop here. Nothing more was sent.",
                reason=why,
            )
        if isinstance(verdict, Denied):
            return RequestsRefusedError(
                "Stopped after consecutive rows were rejected for the same reason ({count}). The "
                "workbook gives the reason. The other rows were not sent. Run the same command "
                "again to resume.",
                count=failed,
            )
        return ApiUnreachableError(
            "Consecutive rows that could not be sent: {count}. The API can't be reached or "
            "accepts nothing. The other rows were not sent. Run the same command again later.",
            count=failed,
        )


def _reason_of(verdict: Verdict) -> str:
    """What makes two failures the same: the status, the fields and the words, not the values of the row. A digest."""
    parts = [type(verdict).__name__]
    if isinstance(verdict, Denied):
        parts += [str(verdict.status), *sorted({f"{fault.field} {_words(fault)}" for fault in verdict.reasons})]
    return sha256("\n".join(parts).encode()).hexdigest()


def _refused_certificate(verdict: Unsent) -> str:
    """Why the certificate was not accepted; empty where that is not what kept the request from being sent."""
    told = [dict(fault.details) for fault in verdict.reasons]
    return next((details["cause"] for details in told if details.get("kind") == NotSentKind.CERTIFICATE), "")


def _words(fault: Fault) -> str:
    return " ".join(_OF_THE_ROW.sub(" ", dict(fault.details).get("message", "")).split())
