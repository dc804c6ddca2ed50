"""The decisions, branch by branch: what to do with a row, what an answer means, what comes next."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain import attempt_rules
from pipeline.domain.attempt_rules import (
    LEGAL_CHANGES,
    Again,
    Created,
    Denied,
    Finished,
    Fresh,
    Hold,
    IllegalChangeError,
    Keep,
    Made,
    MadeOtherwise,
    NoAccess,
    NotCreated,
    Permissions,
    Rejected,
    RetryCounters,
    Review,
    Send,
    Throttled,
    TokenDenied,
    Uncertain,
    Unknown,
    Unsent,
    check_change,
    classify_response,
    is_cut_short,
    needs_confirmation,
    next_step,
    outcome_of,
    plan,
    reasons_of,
    refusal,
    requests_for_other_content,
    rewritten,
    row_state,
    session_shared,
    start_counters,
    status_of,
    unconfirmed,
)
from pipeline.domain.errors import CredentialsError
from pipeline.domain.model import Attempt, Duplicate, Outcome, Payment
from pipeline.domain.responses import (
    Answered,
    Exchange,
    MaybeSentFailure,
    MaybeSentKind,
    NotSentFailure,
    NotSentKind,
    Problem,
)
from schemas.faults import Fault, sentence

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
SAME, OTHER = b"same", b"other"
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
NO_LINK, LINK = False, True
NAMED_ANOTHER = (Fault("unknown-reference"), Fault("other-reference", details=(("session", ID),)))


def attempt(outcome: Outcome, fingerprint: bytes = SAME, *, link: bool = NO_LINK, reasons: tuple = ()) -> Attempt:
    session = ID if outcome is Outcome.CREATED else ""
    return Attempt(1, 1, outcome, fingerprint, link, NOW, NOW, session, reasons, "INV-1", summary="INV-1, Jane, 10.00")


CREATED, REFUSED = attempt(Outcome.CREATED), attempt(Outcome.REJECTED)
NOT_CREATED, OPEN, PERHAPS = attempt(Outcome.NOT_CREATED), attempt(Outcome.OPEN), attempt(Outcome.UNKNOWN)
E_MAILED = attempt(Outcome.UNKNOWN, link=LINK)
CUT_OFF = attempt(Outcome.OPEN, link=LINK)
MISNAMED = attempt(Outcome.UNKNOWN, reasons=NAMED_ANOTHER)
CREATED_OTHER, REFUSED_OTHER = attempt(Outcome.CREATED, OTHER), attempt(Outcome.REJECTED, OTHER)
PERHAPS_OTHER, E_MAILED_OTHER = attempt(Outcome.UNKNOWN, OTHER), attempt(Outcome.UNKNOWN, OTHER, link=LINK)
NOT_CREATED_OTHER = attempt(Outcome.NOT_CREATED, OTHER)
ELSEWHERE = Duplicate("november", NOW, Outcome.CREATED, ID, SAME)
PERHAPS_ELSEWHERE = Duplicate("october", NOW, Outcome.UNKNOWN, fingerprint=SAME)
CHANGED_ELSEWHERE = Duplicate("october", NOW, Outcome.CREATED, ID, b"other", "INV-1, Jane, 10.00 CAD")


# ---------------------------------------------------------------------------------------------------------------
# What another worker left

EARLIER = replace(attempt(Outcome.UNKNOWN), run=0)


@pytest.mark.parametrize(
    ("history", "again"),
    [
        pytest.param([OPEN], True, id="cut off, nobody was e-mailed"),
        pytest.param([CUT_OFF], False, id="cut off, perhaps e-mailed"),
        pytest.param([PERHAPS, PERHAPS], True, id="two uncertain tries"),
        pytest.param([PERHAPS] * 3, False, id="three uncertain tries"),
        pytest.param([EARLIER, PERHAPS, OPEN], False, id="three with an earlier run's"),
        pytest.param([CREATED], False, id="created"),
        pytest.param([OPEN, CREATED], False, id="created at last"),
        pytest.param([REFUSED], False, id="refused"),
        pytest.param([NOT_CREATED], True, id="certainly not created"),
        pytest.param([NOT_CREATED] * 4 + [OPEN], False, id="tried to the end"),
    ],
)
@pytest.mark.parametrize("permissions", [Permissions(), Permissions(resend_unknown=True)], ids=["", "resend"])
def test_what_another_worker_left_in_the_middle(history: list[Attempt], again: bool, permissions: Permissions) -> None:
    """It is tried again where a crash would be; that unknown rows may be sent again was said of earlier runs."""
    tried = [one for one in history if one.run]
    assert is_cut_short(tried, history, SAME, permissions) is again


# ---------------------------------------------------------------------------------------------------------------
# What may become of an attempt


def test_what_is_certain_stays_so() -> None:
    """Every attempt can come to each outcome, and no arrow leaves one that is certain."""
    assert {after for before, after in LEGAL_CHANGES if before is Outcome.OPEN} == set(Outcome) - {Outcome.OPEN}
    assert {before for before, _ in LEGAL_CHANGES} <= {Outcome.OPEN, Outcome.UNKNOWN}
    assert all(cause for cause in LEGAL_CHANGES.values())


def test_a_change_that_is_not_in_the_table_raises() -> None:
    """What was answered is never answered otherwise."""
    check_change(Outcome.OPEN, Outcome.REJECTED)
    with pytest.raises(IllegalChangeError):
        check_change(Outcome.CREATED, Outcome.NOT_CREATED)


def test_the_session_of_another_row_is_kept_for_people() -> None:
    """A link must not go to two payors: such an answer decides nothing, and says which session it named."""
    unknown, shared = session_shared(ID)
    assert (unknown.code, shared.code, shared.details) == ("unknown-session", "session-shared", (("session", ID),))


# ---------------------------------------------------------------------------------------------------------------
# Where a row stands


@pytest.mark.parametrize(
    ("history", "requests"),
    [
        pytest.param([REFUSED, CREATED_OTHER], [CREATED_OTHER], id="other content only"),
        pytest.param([CREATED, CREATED_OTHER], [], id="its own too"),
        pytest.param([PERHAPS], [], id="none"),
    ],
)
def test_a_row_that_has_only_requests_for_other_content(history: list[Attempt], requests: list[Attempt]) -> None:
    """Only then does it matter whether they were cancelled."""
    assert requests_for_other_content(history, SAME) == requests


@pytest.mark.parametrize(
    ("history", "standing"),
    [
        pytest.param([], Fresh(), id="nothing yet"),
        pytest.param([REFUSED_OTHER], Fresh(), id="only other content, refused"),
        pytest.param([NOT_CREATED_OTHER], Fresh(), id="only other content, not created"),
        pytest.param([NOT_CREATED], NotCreated(NOT_CREATED), id="certainly not created"),
        pytest.param([NOT_CREATED, REFUSED], Rejected(REFUSED), id="refused at last"),
        pytest.param([REFUSED, NOT_CREATED], NotCreated(NOT_CREATED), id="not created at last"),
        pytest.param([REFUSED, REFUSED_OTHER], Rejected(REFUSED), id="the last of its own content counts"),
        pytest.param([CREATED], Made(CREATED), id="created"),
        pytest.param([CREATED, CREATED_OTHER], Made(CREATED), id="created for both contents"),
        pytest.param([PERHAPS, CREATED], Made(CREATED, (PERHAPS,)), id="created after an uncertain try"),
        pytest.param([OPEN, NOT_CREATED, CREATED], Made(CREATED, (OPEN,)), id="created after a crash and a failure"),
        pytest.param([CREATED_OTHER], MadeOtherwise(CREATED_OTHER), id="created for other content"),
        pytest.param(
            [PERHAPS_OTHER, CREATED_OTHER], MadeOtherwise(CREATED_OTHER), id="other content created, at its second try"
        ),
        pytest.param([OPEN], Uncertain((OPEN,)), id="cut off"),
        pytest.param([PERHAPS, NOT_CREATED], Uncertain((PERHAPS,)), id="perhaps sticks after a failure"),
        pytest.param([PERHAPS, REFUSED], Uncertain((PERHAPS,)), id="perhaps sticks after a refusal"),
        pytest.param([PERHAPS_OTHER], Uncertain((PERHAPS_OTHER,)), id="perhaps sticks when the content changes"),
        pytest.param([OPEN, PERHAPS], Uncertain((OPEN, PERHAPS)), id="two uncertain tries"),
        pytest.param(
            [CREATED_OTHER, PERHAPS], Uncertain((PERHAPS,), CREATED_OTHER), id="an allowed repeat that is uncertain"
        ),
    ],
)
def test_where_a_row_stands(history: list[Attempt], standing: attempt_rules.RowState) -> None:
    """A row's standing is a fold over its attempts in which a session outweighs all, and *perhaps* sticks."""
    assert row_state(history, SAME) == standing


# ---------------------------------------------------------------------------------------------------------------
# Before anything is sent

NOTHING = Permissions()
REPEATS = Permissions(allow_repeats=True)
RESEND = Permissions(resend_unknown=True)
BOTH = Permissions(allow_repeats=True, resend_unknown=True)
KEEP, SEND, HOLD, LOOK = Keep, Send, Hold, Review


@pytest.mark.parametrize(
    ("history", "elsewhere", "decisions"),
    # The decisions with no permission, --allow-repeats, --resend-unknown, and both.
    [
        pytest.param([], [], (SEND, SEND, SEND, SEND), id="fresh"),
        pytest.param([], [ELSEWHERE], (HOLD, SEND, HOLD, SEND), id="fresh, made elsewhere"),
        pytest.param([REFUSED], [], (SEND, SEND, SEND, SEND), id="refused"),
        pytest.param([REFUSED], [ELSEWHERE], (HOLD, SEND, HOLD, SEND), id="refused, made elsewhere"),
        pytest.param([NOT_CREATED], [], (SEND, SEND, SEND, SEND), id="not created"),
        pytest.param([NOT_CREATED], [PERHAPS_ELSEWHERE], (HOLD, SEND, HOLD, SEND), id="perhaps made elsewhere"),
        pytest.param([CREATED], [], (KEEP, KEEP, KEEP, KEEP), id="created"),
        pytest.param([CREATED], [ELSEWHERE], (KEEP, KEEP, KEEP, KEEP), id="created here and elsewhere"),
        pytest.param([E_MAILED, CREATED], [], (KEEP, KEEP, KEEP, KEEP), id="created after an e-mailed uncertain try"),
        pytest.param([CREATED_OTHER], [], (HOLD, SEND, HOLD, SEND), id="changed"),
        pytest.param([PERHAPS_OTHER, CREATED_OTHER], [], (HOLD, SEND, HOLD, SEND), id="changed, made at a second try"),
        pytest.param([E_MAILED_OTHER, CREATED_OTHER], [], (HOLD, SEND, HOLD, SEND), id="changed, made by a resend"),
        pytest.param([PERHAPS], [], (SEND, SEND, SEND, SEND), id="perhaps, no link"),
        pytest.param([OPEN, PERHAPS], [], (SEND, SEND, SEND, SEND), id="twice perhaps, no link"),
        pytest.param([OPEN, PERHAPS, OPEN], [], (LOOK, LOOK, SEND, SEND), id="three times perhaps, no link"),
        pytest.param([PERHAPS], [ELSEWHERE], (HOLD, SEND, HOLD, SEND), id="perhaps, made elsewhere"),
        pytest.param([MISNAMED], [], (LOOK, LOOK, SEND, SEND), id="an answer for another reference, no link"),
        pytest.param([E_MAILED], [], (LOOK, LOOK, SEND, SEND), id="perhaps, e-mailed"),
        pytest.param([CUT_OFF], [], (LOOK, LOOK, SEND, SEND), id="cut off, e-mailed"),
        pytest.param([E_MAILED, NOT_CREATED], [], (LOOK, LOOK, SEND, SEND), id="perhaps e-mailed, then a failure"),
        pytest.param([E_MAILED, REFUSED], [], (LOOK, LOOK, SEND, SEND), id="perhaps e-mailed, then refused"),
        pytest.param([E_MAILED, PERHAPS], [], (LOOK, LOOK, SEND, SEND), id="one of two was e-mailed"),
        pytest.param([E_MAILED], [ELSEWHERE], (LOOK, LOOK, HOLD, SEND), id="perhaps e-mailed, made elsewhere"),
        pytest.param([E_MAILED_OTHER], [], (LOOK, LOOK, SEND, SEND), id="other content, perhaps e-mailed"),
        pytest.param([CREATED_OTHER, PERHAPS], [], (LOOK, SEND, SEND, SEND), id="an allowed repeat, perhaps"),
        pytest.param([CREATED_OTHER, E_MAILED], [], (LOOK, LOOK, SEND, SEND), id="an allowed repeat, perhaps e-mailed"),
    ],
)
def test_what_to_do_with_a_row(history: list[Attempt], elsewhere: list[Duplicate], decisions: tuple[type, ...]) -> None:
    """What is done with a row follows from its history, from other batches, and from what the user allowed aloud."""
    planned = [plan(history, SAME, "now", elsewhere, allowed) for allowed in (NOTHING, REPEATS, RESEND, BOTH)]
    assert tuple(map(type, planned)) == decisions


def test_a_changed_row_shows_both_versions() -> None:
    """A row whose identity was created with other content is held with both versions in its message."""
    held = plan([CREATED_OTHER], SAME, "INV-1, Jane, 20.00", [], NOTHING)
    assert isinstance(held, Hold)
    told = sentence(held.fault)
    assert "10.00" in told
    assert "20.00" in told


@pytest.mark.parametrize(
    ("elsewhere", "code", "batch"),
    [
        pytest.param([ELSEWHERE], "held-repeat", "november", id="made"),
        pytest.param([PERHAPS_ELSEWHERE], "held-perhaps", "october", id="perhaps made"),
        pytest.param([ELSEWHERE, PERHAPS_ELSEWHERE], "held-repeat", "november", id="the certain one is named"),
        pytest.param([CHANGED_ELSEWHERE], "held-reference", "october", id="its reference, with other content"),
        pytest.param([ELSEWHERE, CHANGED_ELSEWHERE], "held-repeat", "november", id="the same content is named"),
    ],
)
def test_a_repeat_names_the_other_batch(elsewhere: list[Duplicate], code: str, batch: str) -> None:
    """A held repeat names the batch that has it; a certain one is named before an uncertain one."""
    held = plan([], SAME, "now", elsewhere, NOTHING)
    assert isinstance(held, Hold)
    assert held.fault.code == code
    assert batch in sentence(held.fault)


OUTCOMES = st.sampled_from(Outcome)
ATTEMPTS = st.builds(
    lambda outcome, fingerprint, link, misnamed: attempt(
        outcome, fingerprint, link=link, reasons=NAMED_ANOTHER if misnamed and outcome is Outcome.UNKNOWN else ()
    ),
    OUTCOMES,
    st.sampled_from([SAME, OTHER]),
    st.booleans(),
    st.booleans(),
)
HISTORIES = st.lists(ATTEMPTS, max_size=6)
PERMISSIONS = st.builds(Permissions, st.booleans(), st.booleans())
REPEAT_LISTS = st.lists(st.sampled_from([ELSEWHERE, PERHAPS_ELSEWHERE]), max_size=2)


@given(HISTORIES, REPEAT_LISTS, st.booleans())
def test_an_e_mailed_uncertain_try_is_never_repeated_unasked(
    history: list[Attempt], elsewhere: list[Any], allow_repeats: bool
) -> None:
    """While a try that may have e-mailed a link is undecided, nothing is sent without `--resend-unknown`."""
    last_made = max((i for i, made in enumerate(history) if made.outcome is Outcome.CREATED), default=-1)
    undecided = [a for a in history[last_made + 1 :] if a.outcome in attempt_rules.UNCERTAIN and a.send_link]
    decision = plan(history, SAME, "now", elsewhere, Permissions(allow_repeats, resend_unknown=False))
    if undecided:
        assert not isinstance(decision, Send)


@given(HISTORIES, REPEAT_LISTS, PERMISSIONS)
def test_a_session_for_the_same_content_is_always_kept(
    history: list[Attempt], elsewhere: list[Any], permissions: Permissions
) -> None:
    """Whatever else happened and whatever is allowed, a row that has its session is not sent."""
    if any(made.outcome is Outcome.CREATED and made.fingerprint == SAME for made in history):
        assert isinstance(plan(history, SAME, "now", elsewhere, permissions), Keep)


@given(HISTORIES, REPEAT_LISTS, st.booleans())
def test_a_session_for_other_content_is_never_doubled_unasked(
    history: list[Attempt], elsewhere: list[Any], resend_unknown: bool
) -> None:
    """An identity that has a session gets a second one only with `--allow-repeats`, or when such a one is unknown."""
    decision = plan(history, SAME, "now", elsewhere, Permissions(resend_unknown=resend_unknown))
    made = any(one.outcome is Outcome.CREATED for one in history)
    if made and not (resend_unknown and attempt_rules.unresolved_attempts(history)):
        assert not isinstance(decision, Send)


@given(HISTORIES, st.booleans())
def test_no_row_is_sent_more_often_than_three_times_into_the_dark(history: list[Attempt], link: bool) -> None:
    """A run never goes on after three uncertain tries, or after one that must be looked at, counted from the start."""
    tally = start_counters(history, resend=False)
    sent = 0
    while True:
        verdict = Unknown(None, ())
        tally = tally.with_verdict(verdict, send_link=link)
        sent += 1
        if next_step(verdict, tally, fresh_token=True) == Finished():
            break
    assert sent == 1 or sent + len(attempt_rules.unresolved_attempts(history)) <= attempt_rules.UNCERTAIN_TRIES
    assert sent == 1 or not link


# ---------------------------------------------------------------------------------------------------------------
# What an answer means


def said(status: int, body: bytes = b"", retry_after: float | None = None) -> Answered:
    return Answered(status, body, retry_after)


def session(reference: str, session_id: str = ID) -> bytes:
    return f'{{"sessionId":"{session_id}","referenceId":{reference}}}'.encode()


DENIALS = [400, 403, 404, 409, 413, 422]
OTHERS = [100, 402, 405, 406, 408, 410, 415, 418, 425, 451, 500, 501, 502, 503, 504, 599]


@pytest.mark.parametrize(
    ("exchange", "verdict"),
    [
        pytest.param(said(201, session('"INV-1"')), Created, id="201"),
        pytest.param(said(200, session('"INV-1"')), Created, id="200"),
        pytest.param(said(201, session("null")), Created, id="null reference"),
        pytest.param(said(201, session('"INV-2"')), Unknown, id="another reference"),
        pytest.param(said(201, session('"inv-1"')), Unknown, id="another letter case"),
        pytest.param(said(201, session('""')), Unknown, id="an empty reference"),
        pytest.param(said(201, session('"INV-1"', "42")), Unknown, id="an id that is no UUID"),
        pytest.param(said(201, b'{"referenceId":"INV-1"}'), Unknown, id="no id"),
        pytest.param(said(201, b"<html>"), Unknown, id="HTML"),
        pytest.param(said(204), Unknown, id="no content"),
        pytest.param(said(429), Throttled, id="429"),
        pytest.param(said(429, retry_after=3.0), Throttled, id="429 with Retry-After"),
        pytest.param(said(503, retry_after=3.0), Throttled, id="503 with Retry-After"),
        pytest.param(said(503, retry_after=0.0), Throttled, id="503 with Retry-After in the past"),
        *(pytest.param(said(status), Denied, id=str(status)) for status in DENIALS),
        *(pytest.param(said(status), Unknown, id=str(status)) for status in OTHERS),
        *(pytest.param(said(status), Unknown, id=str(status)) for status in (301, 302, 303, 304, 307, 308)),
        *(pytest.param(MaybeSentFailure(kind, "said"), Unknown, id=f"maybe sent: {kind}") for kind in MaybeSentKind),
        *(pytest.param(NotSentFailure(kind, "said"), Unsent, id=f"not sent: {kind}") for kind in NotSentKind),
    ],
)
@pytest.mark.parametrize("after_uncertain", [False, True], ids=["first", "after an uncertain try"])
def test_what_an_answer_means(exchange: Exchange, verdict: type, after_uncertain: bool) -> None:
    """Each answer means the same whatever went before, and all its words are in the catalogue."""
    judged = classify_response(exchange, "INV-1", after_uncertain=after_uncertain)
    assert type(judged) is verdict
    for reason in reasons_of(judged):
        assert sentence(reason, "en")
        assert sentence(reason, "fr")


class Cursed(bytes):
    """A body that no reader survives."""

    def removeprefix(self, _prefix: Any) -> bytes:
        raise MemoryError

    decode = removeprefix  # type: ignore[assignment]


@pytest.mark.parametrize("status", [200, 201, 302, *DENIALS, 401, 429, 500, 503])
def test_an_answer_that_nobody_can_read_means_what_its_status_says(status: int) -> None:
    """An exception while an answer is judged takes nothing away from what is certain, and adds nothing."""
    with_body, without = Answered(status, Cursed(b"{}"), 1.0), Answered(status, b"", 1.0)
    for after_uncertain in (False, True):
        judged = classify_response(with_body, "INV-1", after_uncertain=after_uncertain)
        assert judged == classify_response(without, "INV-1", after_uncertain=after_uncertain)


def test_a_401_is_certain_only_before_an_uncertain_try() -> None:
    """A refused token proves that nothing was created, but not when an uncertain try may have used the token up."""
    assert isinstance(classify_response(said(401), "INV-1", after_uncertain=False), TokenDenied)
    assert isinstance(classify_response(said(401), "INV-1", after_uncertain=True), Unknown)


@pytest.mark.parametrize(
    ("sent", "echoed", "verdict"),
    [
        pytest.param("", "null", Created, id="none sent, null back"),
        pytest.param("", '""', Created, id="none sent, empty back"),
        pytest.param("", '"X"', Unknown, id="none sent, one back"),
        pytest.param("7", "7", Created, id="a number back"),
    ],
)
def test_the_echo_of_a_reference(sent: str, echoed: str, verdict: type) -> None:
    """The reference that comes back must be the one that was sent, or none."""
    assert isinstance(classify_response(said(201, session(echoed)), sent, after_uncertain=False), verdict)


def test_a_missing_echo_is_a_notice() -> None:
    """A session without our reference is ours, and said so."""
    judged = classify_response(said(201, session("null")), "INV-1", after_uncertain=False)
    assert isinstance(judged, Created)
    assert (judged.session_id, [notice.code for notice in judged.notices]) == (ID, ["reference-not-echoed"])


def test_a_session_of_another_reference_is_kept_for_people() -> None:
    """An answer for another reference keeps that session's id, and says that it must be looked at."""
    judged = classify_response(said(201, session('"INV-2"')), "INV-1", after_uncertain=False)
    assert isinstance(judged, Unknown)
    assert judged.names_another
    assert ID in sentence(judged.reasons[-1])


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        pytest.param(
            b'{"errors":{"Payor.Email":["bad","worse"],"Amount":["low"]}}',
            [("email", "bad"), ("email", "worse"), ("amount", "low")],
            id="errors",
        ),
        pytest.param(b'{"title":"No","detail":"Too\\n bad"}', [("", "No: Too bad")], id="title and detail"),
        pytest.param(b'{"title":"No"}', [("", "No")], id="title"),
        pytest.param(b"plain words", [("", "plain words")], id="anything"),
        pytest.param(b"", [("", "")], id="nothing"),
    ],
)
def test_the_reasons_of_a_refusal(body: bytes, faults: list[tuple[str, str]]) -> None:
    """A refusal gives one fault for each field that it names, else one for the row in its own words."""
    judged = classify_response(said(400, body), "INV-1", after_uncertain=False)
    assert isinstance(judged, Denied)
    assert [(fault.field, dict(fault.details)["message"]) for fault in judged.reasons] == faults


VERDICTS = {
    "created": (Created(ID, 201), Outcome.CREATED, 201),
    "denied": (Denied(422, ()), Outcome.REJECTED, 422),
    "token denied": (TokenDenied(()), Outcome.NOT_CREATED, 401),
    "throttled": (Throttled(503, 1.0, ()), Outcome.NOT_CREATED, 503),
    "unsent": (Unsent(()), Outcome.NOT_CREATED, None),
    "perhaps": (Unknown(500, ()), Outcome.UNKNOWN, 500),
    "perhaps, without an answer": (Unknown(None, ()), Outcome.UNKNOWN, None),
}


@pytest.mark.parametrize(("verdict", "outcome", "status"), VERDICTS.values(), ids=VERDICTS)
def test_what_the_journal_keeps(verdict: attempt_rules.Verdict, outcome: Outcome, status: int | None) -> None:
    """Each verdict has one outcome, and the status that it rests on."""
    assert (outcome_of(verdict), status_of(verdict)) == (outcome, status)


# ---------------------------------------------------------------------------------------------------------------
# What comes next

UNSENT, THROTTLED, DARK = Unsent(()), Throttled(429, None, ()), Unknown(None, ())
MISNAMING = Unknown(201, NAMED_ANOTHER)


@pytest.mark.parametrize(
    ("verdict", "tally", "fresh", "step"),
    [
        pytest.param(Created(ID, 201), RetryCounters(), True, Finished(), id="created"),
        pytest.param(Denied(400, ()), RetryCounters(), True, Finished(), id="denied"),
        pytest.param(UNSENT, RetryCounters(unsent=1), True, Again(1), id="unsent"),
        pytest.param(UNSENT, RetryCounters(unsent=4), True, Again(4), id="unsent, the last try to come"),
        pytest.param(UNSENT, RetryCounters(unsent=5), True, Finished(), id="unsent to the end"),
        pytest.param(THROTTLED, RetryCounters(throttled=1), True, Again(0), id="throttled"),
        pytest.param(THROTTLED, RetryCounters(throttled=9), True, Again(0), id="throttled, the last try to come"),
        pytest.param(THROTTLED, RetryCounters(throttled=10), True, Finished(), id="throttled to the end"),
        pytest.param(TokenDenied(()), RetryCounters(tokens=1), True, Again(0), id="the first token, a fresh one"),
        pytest.param(TokenDenied(()), RetryCounters(tokens=1), False, Again(0), id="the first token, a used one"),
        pytest.param(TokenDenied(()), RetryCounters(tokens=2), True, NoAccess(), id="a fresh token after another"),
        pytest.param(TokenDenied(()), RetryCounters(tokens=2), False, Again(0), id="a used token after another"),
        pytest.param(TokenDenied(()), RetryCounters(tokens=4), False, NoAccess(), id="four tokens"),
        pytest.param(DARK, RetryCounters(uncertain=1), True, Again(1), id="perhaps"),
        pytest.param(DARK, RetryCounters(uncertain=2), True, Again(2), id="perhaps, the last try to come"),
        pytest.param(DARK, RetryCounters(uncertain=3), True, Finished(), id="perhaps to the end"),
        pytest.param(
            DARK, RetryCounters(uncertain=1, look_first=True), True, Finished(), id="perhaps, and perhaps e-mailed"
        ),
    ],
)
def test_what_comes_next(
    verdict: attempt_rules.Verdict, tally: RetryCounters, fresh: bool, step: attempt_rules.Step
) -> None:
    """What is certain not to exist is tried again within its bounds; what may exist only where nobody can know it."""
    assert next_step(verdict, tally, fresh_token=fresh) == step


@pytest.mark.parametrize(
    ("verdict", "link", "tally"),
    [
        pytest.param(Created(ID, 201), LINK, RetryCounters(), id="created"),
        pytest.param(Denied(400, ()), LINK, RetryCounters(), id="denied"),
        pytest.param(UNSENT, LINK, RetryCounters(unsent=1), id="unsent"),
        pytest.param(THROTTLED, LINK, RetryCounters(throttled=1), id="throttled"),
        pytest.param(TokenDenied(()), LINK, RetryCounters(tokens=1), id="token denied"),
        pytest.param(DARK, NO_LINK, RetryCounters(uncertain=1), id="perhaps"),
        pytest.param(DARK, LINK, RetryCounters(uncertain=1, look_first=True), id="perhaps e-mailed"),
        pytest.param(MISNAMING, NO_LINK, RetryCounters(uncertain=1, look_first=True), id="another reference"),
    ],
)
def test_what_a_row_has_been_through(verdict: attempt_rules.Verdict, link: bool, tally: RetryCounters) -> None:
    """Each kind of failure is counted by itself, so that one does not use up the tries of another."""
    assert RetryCounters().with_verdict(verdict, send_link=link) == tally


@pytest.mark.parametrize(
    ("history", "resend", "tally"),
    [
        pytest.param([], False, RetryCounters(), id="nothing"),
        pytest.param([NOT_CREATED, REFUSED], False, RetryCounters(), id="certain failures are not carried over"),
        pytest.param([PERHAPS, OPEN], False, RetryCounters(uncertain=2), id="uncertain tries are"),
        pytest.param([PERHAPS, CUT_OFF], False, RetryCounters(uncertain=2, look_first=True), id="one was e-mailed"),
        pytest.param([MISNAMED], False, RetryCounters(uncertain=1, look_first=True), id="one named another reference"),
        pytest.param([PERHAPS, CREATED_OTHER], False, RetryCounters(), id="decided by a session since"),
        pytest.param([E_MAILED, PERHAPS], True, RetryCounters(), id="the user has looked at them"),
    ],
)
def test_what_a_row_brings_along(history: list[Attempt], resend: bool, tally: RetryCounters) -> None:
    """Uncertain tries count over the life of a row, until a person has looked at them."""
    assert start_counters(history, resend=resend) == tally


def test_no_access_is_about_the_credentials() -> None:
    """A refused fresh token ends the run with exit code 4."""
    assert isinstance(attempt_rules.no_access(), CredentialsError)


@pytest.mark.parametrize(
    ("verdict", "link", "needed"),
    [
        pytest.param(Created(ID, 200, echoed=False), LINK, True, id="e-mailed, no reference in the answer"),
        pytest.param(Created(ID, 200, echoed=False), NO_LINK, False, id="not e-mailed"),
        pytest.param(Created(ID, 200), LINK, False, id="the answer repeats the reference"),
        pytest.param(Throttled(429, None, ()), LINK, False, id="no session"),
    ],
)
def test_a_session_without_our_reference_is_confirmed_when_the_payor_is_e_mailed(
    verdict: Created | Throttled, link: bool, needed: bool
) -> None:
    """A stray answer must decide nothing; until then the attempt is *perhaps*, and its session is kept."""
    payment = Payment("INV-1", "Zoé", "Tremblay", "zoe@example.com", Decimal(10), send_link=link)
    assert needs_confirmation(verdict, payment) is needed
    if needed:
        assert isinstance(verdict, Created)
        told = unconfirmed(verdict)
        assert (told.status, told.reasons[-1].details) == (200, (("session", ID),))


def test_a_row_without_all_but_its_reference_names_the_request_that_it_may_be() -> None:
    """The reason has the row, the reference and the day of the earlier request."""
    told = rewritten(CREATED)
    details = dict(told.details)
    assert (told.code, details["reference"], details["date"]) == ("held-rewritten", "INV-1", "2026-11-24")


def test_a_refusal_tells_title_and_detail_once_with_its_first_reason() -> None:
    """The API names fields, and says in general what is wrong (api: "show title, detail and errors when there")."""
    told = refusal(422, Problem("Invalid", "Two fields", (("email", "no address"), ("amount", "too large")), ""))
    assert [dict(fault.details)["message"] for fault in told] == ["no address (Invalid: Two fields)", "too large"]
