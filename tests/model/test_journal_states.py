"""A model of the journal's states: a machine that does at random what users, servers and crashes do.

It drives the real journal (an SQLite file) and the real decisions, step by step as the sending loop does, and dies
between any two of them: the journal object is dropped, the file opened again. The server is a plain dict of what it
created. After each step the invariants are checked by their names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from journals import NOW, WINDOW, Asked, Line, Planned, line, plan
from sqlalchemy import select

from pipeline.journal import attempts as verbs
from pipeline.journal.attempts import Intent, Settlement, meanwhile_elsewhere
from pipeline.journal.database import connect
from pipeline.journal.journal import Journal, Sendable
from pipeline.journal.tables import attempts, rows
from pipeline.model import Attempt, Outcome, ReportRow, Status
from pipeline.send import decide
from pipeline.send.answers import Answered, Exchange, MaybeSentFailure, MaybeSentKind, NotSentFailure, NotSentKind
from pipeline.send.decide import Permissions

BATCHES = ("november", "copy")
IDENTITIES = (("referenceId",), ("referenceId", "#"), ("Contract",))
REFERENCES = ("A", "B", "")
AMOUNTS = ("10.00", "20.00")
PAYORS = ("zoe", "liam")

ANSWERS = ("created", "refused", "not-sent", "throttled", "lost-before", "lost-after", "half-answer", "other-reference")
"""What the server does with a request. `lost-…` are lost connections, before or after it created the session."""

_MAKING = frozenset({"created", "lost-after", "half-answer", "other-reference"})

lines = st.builds(
    line,
    st.sampled_from(REFERENCES),
    st.sampled_from(AMOUNTS),
    st.sampled_from(PAYORS),
    st.sampled_from(("c1", "c2", "c3")),
    send_link=st.booleans(),
)


@dataclass(slots=True)
class Arrived:
    """One request that reached the server and made a session."""

    content: bytes
    key: tuple[int, str]
    e_mailed: bool
    answered: bool
    aloud: bool

    @property
    def known(self) -> bool:
        """Whether anybody can open it: its link was e-mailed, or its id came back."""
        return self.e_mailed or self.answered


@dataclass(slots=True)
class Working:
    """A run in the middle of its work, as the sending loop sees it."""

    planned: Planned
    permissions: Permissions
    identity: tuple[str, ...]
    sheet: tuple[Line, ...]
    queue: list[Sendable]
    tallies: dict[int, decide.Tally] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    in_flight: tuple[Sendable, Intent] | None = None


class JournalStates(RuleBasedStateMachine):
    """Users, servers and crashes at random; see the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = str(self.folder / "journal.sqlite")
        self.journal = self._open()
        self.now = NOW
        self.sheets: dict[str, list[Line]] = {batch: [] for batch in BATCHES}
        self.identities = dict.fromkeys(BATCHES, IDENTITIES[0])
        self.staged: dict[str, tuple[Line, ...]] = {}
        self.contracts: dict[bytes, set[str]] = {}
        self.charges: Counter[bytes] = Counter()
        self.working: dict[str, Working] = {}
        self.arrived: list[Arrived] = []
        self.last: dict[str, Planned] = {}
        self.seen: dict[tuple[int, str, int], tuple[Outcome, str]] = {}
        self.intents: set[tuple[int, str, int]] = set()
        self.left: set[tuple[int, str, int]] = set()

    def _open(self) -> Journal:
        return Journal(connect(self.url), self.url)

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    # What users do

    @initialize(sheet=st.lists(lines, min_size=1, max_size=3))
    def a_sheet_arrives(self, sheet: list[Line]) -> None:
        for batch in BATCHES:
            self.sheets[batch] = list(sheet)

    @rule(batch=st.sampled_from(BATCHES), more=lines, at=st.integers(0, 3))
    def the_sheet_grows(self, batch: str, more: Line, at: int) -> None:
        if len(self.sheets[batch]) < 4:
            self.sheets[batch].insert(min(at, len(self.sheets[batch])), more)

    @rule(batch=st.sampled_from(BATCHES), at=st.integers(0, 3), new=lines)
    def a_row_is_edited(self, batch: str, at: int, new: Line) -> None:
        """The amount, the payor or who delivers the link; a reference is not edited (see docs/guarantees.md)."""
        if at < len(self.sheets[batch]):
            old = self.sheets[batch][at]
            paid = replace(new.payment, reference_id=old.payment.reference_id)
            self.sheets[batch][at] = Line(paid, old.own)

    @rule(batch=st.sampled_from(BATCHES), at=st.integers(0, 3))
    def a_row_is_removed(self, batch: str, at: int) -> None:
        if at < len(self.sheets[batch]) > 1:
            del self.sheets[batch][at]

    @rule(batch=st.sampled_from(BATCHES))
    def the_sheet_is_sorted_otherwise(self, batch: str) -> None:
        self.sheets[batch].reverse()

    @rule(batch=st.sampled_from(BATCHES), identity=st.sampled_from(IDENTITIES))
    def the_identity_is_changed(self, batch: str, identity: tuple[str, ...]) -> None:
        self.identities[batch] = identity

    @precondition(lambda self: self.now + timedelta(hours=30) < NOW + WINDOW)
    @rule()
    def a_day_passes(self) -> None:
        """All within the window: what happens after it is in `tests/edges/test_journal.py`."""
        self.now += timedelta(hours=30)

    @rule(batch=st.sampled_from(BATCHES), allow=st.integers(0, 9), resend=st.integers(0, 9))
    def a_run_begins(self, batch: str, allow: int, resend: int) -> None:
        if batch in self.working:
            return  # the lease: the second run of a batch leaves with 7
        permissions = Permissions(allow_repeats=allow == 0, resend_unknown=resend == 0)
        sheet, identity = tuple(self.sheets[batch]), self.identities[batch]
        asked = Asked(batch, identity=identity, permissions=permissions, now=self.now)
        planned = plan(self.journal, sheet, asked)
        self.last[batch] = planned
        self.staged[batch] = sheet
        self._count_charges(sheet)
        self.working[batch] = Working(planned, permissions, identity, sheet, planned.to_send())

    def _count_charges(self, sheet: tuple[Line, ...]) -> None:
        """How often a content may be asked for: as often as it stood in one sheet, or under contracts of its own."""
        times = Counter(each.payment.fingerprint() for each in sheet)
        for each in sheet:
            content = each.payment.fingerprint()
            contracts = self.contracts.setdefault(content, set())
            contracts.add(each.own)
            self.charges[content] = max(self.charges[content], times[content], len(contracts))

    # What the loop and the server do

    @precondition(lambda self: self.working)
    @rule(batch=st.sampled_from(BATCHES))
    def an_intent_is_recorded(self, batch: str) -> None:
        run = self.working.get(batch)
        if run is None or run.in_flight or not run.queue:
            return
        row = run.queue[0]
        number = run.numbers.get(row.row_id, len(row.history)) + 1
        intent = Intent(
            run.planned.batch.id,
            run.planned.run,
            row.identity,
            number,
            row.number,
            row.payment,
            row.fingerprint,
            self.now,
        )
        with self.journal.engine.begin() as connection:
            repeats = {}
            if not run.permissions.allow_repeats:
                repeats = meanwhile_elsewhere(connection, [intent], WINDOW)
            if not repeats:
                verbs.intend(connection, [intent])
        if repeats:
            self.journal.hold(row, repeats[row.fingerprint])
            run.queue.pop(0)
            return
        run.numbers[row.row_id] = number
        run.in_flight = (row, intent)
        self.intents.add((intent.batch, intent.identity, intent.number))

    @precondition(lambda self: any(run.in_flight for run in self.working.values()))
    @rule(batch=st.sampled_from(BATCHES), answer=st.sampled_from(ANSWERS), recorded=st.integers(0, 5))
    def the_server_answers(self, batch: str, answer: str, recorded: int) -> None:
        """The server does something, and its answer is recorded; or the program dies before it is (one in six)."""
        run = self.working.get(batch)
        if run is None or run.in_flight is None:
            return
        row, intent = run.in_flight
        key = (intent.batch, intent.identity, intent.number)
        if answer != "not-sent":
            self.left.add(key)
        exchange = self._serve(run, row, answer)
        if recorded == 0:
            if self.arrived and answer in _MAKING:
                self.arrived[-1].answered = False
            self.the_program_dies()
            return
        tally = run.tallies.get(row.row_id) or decide.start_tally(row.history, resend=run.permissions.resend_unknown)
        uncertain = tally.uncertain > 0 or any(attempt.outcome in decide.UNCERTAIN for attempt in row.history)
        verdict = decide.judge(exchange, row.payment.reference_id, after_uncertain=uncertain)
        session = verdict.session_id if isinstance(verdict, decide.Created) else ""
        settlement = Settlement(
            intent.batch, intent.identity, intent.number, decide.outcome_of(verdict), self.now, session,
            decide.status_of(verdict), decide.reasons_of(verdict),
        )  # fmt: skip
        with self.journal.engine.begin() as connection:
            verbs.settle(connection, [settlement])
        run.in_flight = None
        tally = tally.with_verdict(verdict, send_link=row.payment.send_link)
        run.tallies[row.row_id] = tally
        if not isinstance(decide.next_step(verdict, tally, fresh_token=True), decide.Again):
            run.queue.pop(0)

    def _serve(self, run: Working, row: Sendable, answer: str) -> Exchange:
        """What the server does with a request, and what of it comes back."""
        made = answer in _MAKING
        session = UUID(int=(4 << 76) + len(self.arrived) + 1)
        if made:
            self.arrived.append(
                Arrived(
                    row.fingerprint,
                    (run.planned.batch.id, row.identity),
                    row.payment.send_link,
                    answered=answer in {"created", "other-reference"},
                    aloud=run.permissions.allow_repeats or run.permissions.resend_unknown,
                )
            )
        reference = row.payment.reference_id if answer == "created" else "SOMEBODY-ELSE"
        body = f'{{"sessionId": "{session}", "referenceId": "{reference}"}}'
        match answer:
            case "created" | "other-reference":
                return Answered(201, body.encode())
            case "half-answer":
                return Answered(201, body.encode()[:-20])
            case "refused":
                return Answered(400, b'{"title": "no"}')
            case "throttled":
                return Answered(429, b"", 1.0)
            case "not-sent":
                return NotSentFailure(NotSentKind.CONNECT, "refused")
            case _:
                return MaybeSentFailure(MaybeSentKind.LOST, "reset")

    @rule(batch=st.sampled_from(BATCHES))
    def a_run_ends(self, batch: str) -> None:
        """The rest is not sent (`--first`, a signal, the breaker), or nothing was left."""
        run = self.working.get(batch)
        if run is not None and run.in_flight is None:
            del self.working[batch]

    @rule()
    def the_program_dies(self) -> None:
        """Whatever was under way is dropped: only the file is left."""
        self.journal.close()
        self.working.clear()
        self.journal = self._open()
        self.last = {batch: replace(planned, journal=self.journal) for batch, planned in self.last.items()}

    # What must hold after each step

    @invariant()
    def nobody_is_asked_twice(self) -> None:
        """Of one content no more sessions are known than there are charges, unless a repeat was allowed aloud."""
        known = Counter(one.content for one in self.arrived if one.known and not one.aloud)
        for content, times in known.items():
            assert times <= self.charges[content], f"asked {times} times for {self.charges[content]} charges"

    @invariant()
    def a_row_is_asked_for_once(self) -> None:
        """Of one row of a batch, whatever its content became, at most one session is known, unless allowed aloud."""
        known = Counter(one.key for one in self.arrived if one.known and not one.aloud)
        assert set(known.values()) <= {1}

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every row of the sheet has exactly one status, in its order, and the sums agree."""
        for batch, planned in self.last.items():
            rows = planned.rows()
            sheet = self.staged[batch]
            assert [row.row.number for row in rows] == list(range(2, 2 + len(sheet)))
            assert [row.amount for row in rows] == [each.payment.amount for each in sheet]
            assert all(isinstance(row.status, Status) for row in rows)
            forecast = planned.forecast
            assert (
                forecast.rows
                == len(sheet)
                == sum((forecast.to_send, forecast.kept, forecast.held, forecast.unknown, forecast.invalid))
            )

    @invariant()
    def created_is_final(self) -> None:
        """An attempt that is certain never changes, and keeps its session's id."""
        for key, now in self._outcomes().items():
            before = self.seen.get(key)
            if before is not None and before[0] is not Outcome.OPEN:
                assert now == before, f"{before} became {now}"
            self.seen[key] = now
        assert set(self._outcomes()) >= set(self.seen), "an attempt is gone"

    @invariant()
    def every_attempt_has_an_intent_before_it_left(self) -> None:
        """Whatever reached the server has its intent in the journal."""
        assert self.left <= set(self._outcomes())

    @invariant()
    def perhaps_sticks(self) -> None:
        """A row whose e-mailed try is uncertain is `unknown` until a session of its content is made."""
        for planned in self.last.values():
            for row, history in self._with_history(planned):
                open_since = decide.open_questions(history)
                if row.status in {Status.INVALID, Status.CREATED, Status.ALREADY_CREATED}:
                    continue
                if any(attempt.send_link for attempt in open_since):
                    assert row.status is Status.UNKNOWN, f"{row.status} though it may exist"

    @invariant()
    def created_rows_show_their_session(self) -> None:
        """A row is `created` if and only if a session of its very content is recorded, whose id it shows."""
        for planned in self.last.values():
            for row, history in self._with_history(planned):
                if row.payment is None or row.status is Status.INVALID:
                    continue
                mine = [
                    attempt.session_id
                    for attempt in history
                    if attempt.outcome is Outcome.CREATED and attempt.fingerprint == row.payment.fingerprint()
                ]
                shown = row.status in {Status.CREATED, Status.ALREADY_CREATED}
                assert shown == bool(mine)
                assert (row.session_id in mine) == shown

    @invariant()
    def held_names_its_reason(self) -> None:
        """Every row without a session says why, and a held one names the other payment and its day."""
        for planned in self.last.values():
            for row in planned.rows():
                done = row.status in {Status.CREATED, Status.ALREADY_CREATED}
                assert done == (not row.errors)
                if row.status is Status.HELD:
                    assert row.errors[0].code.startswith("held-")
                    assert dict(row.errors[0].details)["date"]

    def _outcomes(self) -> dict[tuple[int, str, int], tuple[Outcome, str]]:
        with self.journal.engine.connect() as connection:
            found = connection.execute(select(attempts)).all()
        return {(each.batch_id, each.identity, each.number): (Outcome(each.outcome), each.session_id) for each in found}

    def _with_history(self, planned: Planned) -> list[tuple[ReportRow, list[Attempt]]]:
        """The rows of a run with the attempts under their keys."""
        with self.journal.engine.connect() as connection:
            keys = connection.scalars(
                select(rows.c.identity).where(rows.c.run_id == planned.run).order_by(rows.c.position)
            ).all()
            found = verbs.histories(connection, planned.batch.id, keys)
        return [(row, found.get(key, [])) for row, key in zip(planned.rows(), keys, strict=True)]


TestJournalStates = JournalStates.TestCase
TestJournalStates.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
