"""When a whole run stops: many answers in a row that say the same."""

import pytest

from pipeline.domain.attempt_rules import Created, Denied, Throttled, TokenDenied, Unknown, Unsent, Verdict
from pipeline.domain.errors import CredentialsError, NeedsPersonError, StoppedEarlyError
from pipeline.domain.responses import NotSentKind
from pipeline.sender.circuit_breaker import Breaker, Streak
from schemas.faults import Fault

SESSION = Created("0f8fad5b-d9cb-469f-a165-70867728950e", 201)
DARK, UNSENT, THROTTLED, NO_TOKEN = Unknown(500, ()), Unsent(()), Throttled(429, None, ()), TokenDenied(())


def denied(status: int = 400, message: str = "no", field: str = "") -> Denied:
    return Denied(status, (Fault("refused", field, details=(("status", str(status)), ("message", message))),))


FORBIDDEN = denied(403)


def attempted(verdicts: list[Verdict]) -> list[int]:
    """After which of these attempts, counted from 1, the run is to stop."""
    breaker = Breaker()
    return [number for number, verdict in enumerate(verdicts, 1) if breaker.attempted(verdict) is not None]


@pytest.mark.parametrize(
    ("verdicts", "stops"),
    [
        pytest.param([DARK] * 19, [], id="19 uncertain"),
        pytest.param([DARK] * 21, [20, 21], id="20 uncertain"),
        pytest.param([DARK] * 19 + [SESSION, DARK], [], id="a session between"),
        pytest.param([DARK] * 19 + [denied(), DARK], [], id="a refusal between"),
        pytest.param([DARK] * 19 + [THROTTLED, DARK], [], id="a push-back between: the API is there"),
        pytest.param([DARK] * 19 + [NO_TOKEN, DARK], [], id="a refused token between: the API is there"),
        pytest.param([DARK] * 19 + [UNSENT, DARK], [21], id="no connection between: the API is still not there"),
        pytest.param([UNSENT] * 40, [], id="never connected"),
        pytest.param([SESSION] * 5 + [DARK] * 20, [25], id="after good answers"),
        pytest.param([FORBIDDEN] * 19, [], id="19 forbidden"),
        pytest.param([FORBIDDEN] * 21, [20, 21], id="the first 20 forbidden"),
        pytest.param([SESSION] + [FORBIDDEN] * 40, [], id="forbidden after a session"),
        pytest.param([denied(400)] + [FORBIDDEN] * 40, [], id="forbidden after another refusal"),
        pytest.param([DARK, UNSENT, THROTTLED, NO_TOKEN] + [FORBIDDEN] * 20, [24], id="no answer, not counted"),
    ],
)
def test_attempts_that_stop_a_run(verdicts: list[Verdict], stops: list[int]) -> None:
    """20 uncertain results in a row stop the run, and so do 403s when they are all of the first 20 answers."""
    assert attempted(verdicts) == stops


def test_why_attempts_stop_a_run() -> None:
    """Uncertain answers end a run early (6); being forbidden is about the credentials (4)."""
    uncertain, forbidden = Breaker(), Breaker()
    assert isinstance([uncertain.attempted(DARK) for _ in range(20)][-1], StoppedEarlyError)
    assert isinstance([forbidden.attempted(FORBIDDEN) for _ in range(20)][-1], CredentialsError)


@pytest.mark.parametrize(
    ("verdicts", "stops"),
    [
        pytest.param([denied()] * 2, [], id="two"),
        pytest.param([denied()] * 4, [3, 4], id="three"),
        pytest.param([denied(), denied(), SESSION, denied()], [], id="a session between"),
        pytest.param([denied(), denied(), DARK, denied()], [], id="an uncertain row between"),
        pytest.param([denied(400), denied(422), denied(400)], [], id="another status"),
        pytest.param([denied(field="email"), denied(field="amount"), denied(field="email")], [], id="another field"),
        pytest.param([denied(message="no"), denied(message="never"), denied(message="no")], [], id="other words"),
        pytest.param(
            [denied(message=f"'{name}' of INV-{name} is no good address: {name}@x.ca") for name in "123"],
            [3],
            id="the same words about other values",
        ),
        pytest.param([UNSENT] * 3, [3], id="no connection"),
        pytest.param([THROTTLED] * 3, [3], id="pushed back to the end"),
        pytest.param([UNSENT, UNSENT, THROTTLED], [], id="no connection, then pushed back"),
        pytest.param([denied(), denied(), UNSENT, UNSENT, UNSENT], [5], id="counted anew for another reason"),
    ],
)
def test_rows_that_stop_a_run(verdicts: list[Verdict], stops: list[int]) -> None:
    """`--max-failures` rows in a row without a session stop the run when their reason is one and the same."""
    breaker = Breaker(max_failures=3)
    assert [number for number, verdict in enumerate(verdicts, 1) if breaker.ended(verdict) is not None] == stops


def test_why_rows_stop_a_run() -> None:
    """A run that rows have stopped ended early (6), and says whether the API refused them or was not there."""
    refused, unreachable = Breaker(1).ended(denied()), Breaker(1).ended(UNSENT)
    assert isinstance(refused, StoppedEarlyError)
    assert isinstance(unreachable, StoppedEarlyError)
    assert (refused.text, unreachable.text) == (
        (
            "Stopped after consecutive rows were rejected for the same reason ({count}). The "
            "workbook gives the reason. The other rows were not sent. Run the same command "
            "again to resume."
        ),
        (
            "Consecutive rows that could not be sent: {count}. The API can't be reached or "
            "accepts nothing. The other rows were not sent. Run the same command again later."
        ),
    )


def test_a_certificate_that_is_refused_in_mid_run_is_told_apart() -> None:
    """It is not that the API can't be reached: a person must look."""
    why = (("kind", NotSentKind.CERTIFICATE.value), ("cause", "certificate has expired"))
    stopped = Breaker(1).ended(Unsent((Fault("not-created-connection", details=why),)))
    assert isinstance(stopped, NeedsPersonError)
    assert (stopped.text, stopped.params) == (
        (
            "The API's certificate is not trusted ({reason}). If your company's proxy "
            "inspects traffic, set its certificates in ca_file; otherwise inform Flinks and "
            "stop here. Nothing more was sent."
        ),
        {"reason": "certificate has expired"},
    )


# ---------------------------------------------------------------------------------------------------------------
# Several who send the rows of one run


def after(verdicts: list[Verdict]) -> Streak:
    """How far one has counted after attempts each of which ended its row."""
    breaker = Breaker(1000)
    for verdict in verdicts:
        breaker.attempted(verdict)
        breaker.ended(verdict)
    return breaker.streak


@pytest.mark.parametrize(
    ("others", "mine", "stops"),
    [
        pytest.param([[DARK] * 10, [DARK] * 8], [DARK] * 3, [2, 3], id="uncertain"),
        pytest.param([[DARK] * 19, [DARK] * 10 + [SESSION]], [SESSION, DARK], [2], id="uncertain at one alone"),
        pytest.param([[FORBIDDEN] * 9, [FORBIDDEN] * 10], [FORBIDDEN] * 2, [1, 2], id="forbidden"),
        pytest.param([[FORBIDDEN] * 19 + [SESSION]], [FORBIDDEN], [], id="forbidden, but for one session elsewhere"),
        pytest.param([[UNSENT], [UNSENT]], [UNSENT] * 2, [1, 2], id="not sent"),
        pytest.param([[UNSENT] * 2], [denied()] * 3, [3], id="for another reason elsewhere"),
        pytest.param([[denied(message="no")], [denied(message="never")]], [denied()] * 2, [2], id="one reason alike"),
    ],
)
def test_what_others_count_is_added(others: list[list[Verdict]], mine: list[Verdict], stops: list[int]) -> None:
    """Answers of several senders of a run count together, as if one had had them all."""
    breaker = Breaker(max_failures=3, others=[after(verdicts) for verdicts in others])
    found = []
    for number, verdict in enumerate(mine, 1):
        reasons = breaker.attempted(verdict), breaker.ended(verdict)
        found += [number] if any(reasons) else []
    assert found == stops
