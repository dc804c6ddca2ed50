"""A model of the journal's states: a machine that does at random what users, servers and crashes do.

It drives the real journal (an SQLite file) and the real decisions, step by step as the sending loop does, and dies
between any two of them: the journal object is dropped, the file opened again. The server is a plain dict of what it
created. After each step the invariants are checked by their names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select
from support.journals import NOW, WINDOW, Asked, Line, Planned, line, plan

from pipeline.domain import attempt_rules
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.model import Attempt, Outcome, ReportRow, Status
from pipeline.domain.responses import Answered, Exchange, MaybeSentFailure, MaybeSentKind, NotSentFailure, NotSentKind
from pipeline.journal import attempts as verbs
from pipeline.journal import planning
from pipeline.journal.attempts import Intent, RepeatSearch, Settlement, meanwhile_elsewhere
from pipeline.journal.database import make
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.planning import PendingRow
from pipeline.journal.tables import attempts, rows

BATCHES = ("november", "copy")
IDENTITIES = (("referenceId",), ("referenceId", "#"), ("Contract",))
REFERENCES = ("A", "A", "A", "B", "")
AMOUNTS = ("10.00", "20.00")
PAYORS = ("zoe", "liam")

ANSWERS = ("created", "refused", "not-sent", "throttled", "lost-before", "lost-after", "half-answer", "other-reference")
"""What the server does with a request. `lost-…` are lost connections, before or after it created the session."""
WEIGHTED_ANSWERS = (*["created"] * 6, *ANSWERS)
answers = st.sampled_from(WEIGHTED_ANSWERS)

_MAKING = frozenset({"created", "lost-after", "half-answer", "other-reference"})

lines = st.builds(
    line,
    st.sampled_from(REFERENCES),
    st.sampled_from(AMOUNTS),
    st.sampled_from(PAYORS),
    st.sampled_from(("c1", "c2", "c3")),
    send_link=st.booleans(),
)


CHANGES = ("a row more", "a row more", "a row less", "another amount", "another payor", "sorted otherwise")
HALF = 0.5
WEIGHTED = (*["november"] * 3, "copy")
batches = st.sampled_from(WEIGHTED)
PERMISSIONS = (*[Permissions()] * 12, Permissions(allow_repeats=True), Permissions(resend_unknown=True))
permissions = st.sampled_from(PERMISSIONS)
"""Most runs allow nothing."""


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
    queue: list[PendingRow]
    tallies: dict[int, attempt_rules.RetryCounters] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    in_flight: tuple[PendingRow, Intent] | None = None


class JournalStates(RuleBasedStateMachine):
    """Users, servers and crashes at random; see the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = str(self.folder / "journal.sqlite")
        make(self.url)
        self.opened = ExitStack()
        self.journal = self._open()
        self.now = NOW
        self.search = RepeatSearch(WINDOW)
        self.sheets: dict[str, list[Line]] = {batch: [] for batch in BATCHES}
        self.identities = dict.fromkeys(BATCHES, IDENTITIES[0])
        self._read_rows: dict[int, list[tuple[ReportRow, list[Attempt]]]] = {}
        self._read_outcomes: dict[tuple[int, str, int], tuple[Outcome, str]] | None = None
        self.staged: dict[str, tuple[Line, ...]] = {}
        self.contracts: dict[bytes, set[str]] = {}
        self.charges: Counter[bytes] = Counter()
        self.working: dict[str, Working] = {}
        self.arrived: list[Arrived] = []
        self.last: dict[str, Planned] = {}
        self.seen: dict[tuple[int, str, int], tuple[Outcome, str]] = {}
        self.left: set[tuple[int, str, int]] = set()

    def _open(self) -> Journal:
        return self.opened.enter_context(open_journal(self.url, make=False))

    def teardown(self) -> None:
        self.opened.close()
        shutil.rmtree(self.folder)

    # What users do

    @initialize(
        sheet=st.lists(lines, min_size=1, max_size=3), identity=st.sampled_from(IDENTITIES), by_reference=st.booleans()
    )
    def a_sheet_arrives(self, sheet: list[Line], identity: tuple[str, ...], *, by_reference: bool) -> None:
        self.search = RepeatSearch(WINDOW, by_reference=by_reference)
        for batch in BATCHES:
            self.sheets[batch], self.identities[batch] = list(sheet), identity  # type: ignore[assignment]

    @rule(batch=batches, at=st.integers(0, 3), new=lines, change=st.sampled_from(CHANGES))
    def the_sheet_changes(self, batch: str, at: int, new: Line, change: str) -> None:
        """As people do between two runs; a reference or contract is not edited (see docs/guarantees.md)."""
        self._change(batch, at, new, change)

    def _change(self, batch: str, at: int, new: Line, change: str) -> None:
        sheet = self.sheets[batch]
        at = min(at, len(sheet) - 1)
        match change:
            case "a row more" if len(sheet) < 4:
                sheet.insert(at, new)
            case "a row less" if len(sheet) > 1:
                del sheet[at]
            case "another amount":
                sheet[at] = replace(sheet[at], payment=replace(sheet[at].payment, amount=new.payment.amount))
            case "another payor":
                paid = replace(new.payment, reference_id=sheet[at].payment.reference_id)
                sheet[at] = replace(sheet[at], payment=paid)
            case "sorted otherwise":
                sheet.reverse()

    @rule(batch=batches, identity=st.sampled_from(IDENTITIES))
    def the_identity_is_changed(self, batch: str, identity: tuple[str, ...]) -> None:
        self.identities[batch] = identity  # type: ignore[assignment]

    @precondition(lambda self: len(self.working) < len(BATCHES))
    @rule(data=st.data(), permissions=permissions)
    def a_run_begins(self, data: st.DataObject, permissions: Permissions) -> None:
        """On a batch that no run holds: the second run of a batch leaves with 7 (tests/edges/test_lease.py)."""
        self._begin(self._free(data), permissions)

    def _free(self, data: st.DataObject) -> str:
        """A batch that no run holds, mostly the first."""
        return data.draw(st.sampled_from([batch for batch in WEIGHTED if batch not in self.working]))

    def _begin(self, batch: str, permissions: Permissions) -> None:
        self._forget_what_was_read()
        self.now = min(self.now + timedelta(hours=20), NOW + WINDOW - timedelta(hours=1))
        sheet, identity = tuple(self.sheets[batch]), self.identities[batch]
        asked = Asked(batch, identity=identity, permissions=permissions, now=self.now, search=self.search)
        planned = plan(self.journal, sheet, asked)
        self.last[batch] = planned
        self.staged[batch] = sheet
        self._count_charges(sheet)
        self.working[batch] = Working(planned, permissions, planned.to_send())

    @precondition(lambda self: len(self.working) < len(BATCHES))
    @rule(data=st.data(), permissions=permissions, given=st.lists(answers, min_size=4, max_size=6))
    def a_whole_run(self, data: st.DataObject, permissions: Permissions, given: list[str]) -> None:
        """From its beginning to its end, or to where the answers are used up and it is stopped."""
        batch = self._free(data)
        self._begin(batch, permissions)
        run = self.working[batch]
        for answer in given:
            while run.queue and run.in_flight is None:
                self._intend(run)
            if run.in_flight is not None:
                self._answer(run, answer)
        self._end(batch)

    @precondition(lambda self: len(self.working) < len(BATCHES))
    @rule(data=st.data())
    def a_run_without_trouble(self, data: st.DataObject) -> None:
        """What most runs are: everything is created that is sent."""
        self._run_without_trouble(self._free(data))

    def _run_without_trouble(self, batch: str) -> None:
        self._begin(batch, Permissions())
        run = self.working[batch]
        while run.queue:
            self._intend(run)
            if run.in_flight is not None:
                self._answer(run, "created")
        self._end(batch)

    @precondition(lambda self: len(self.working) < len(BATCHES))
    @rule(data=st.data(), at=st.integers(0, 3), new=lines, change=st.sampled_from(CHANGES))
    def the_sheet_changes_and_is_run(self, data: st.DataObject, at: int, new: Line, change: str) -> None:
        batch = self._free(data)
        self._change(batch, at, new, change)
        self._run_without_trouble(batch)

    def _end(self, batch: str) -> None:
        if self.working[batch].in_flight is None:
            del self.working[batch]

    def _count_charges(self, sheet: tuple[Line, ...]) -> None:
        """How often a content may be asked for: as often as it stood in one sheet, or under contracts of its own."""
        times = Counter(each.payment.fingerprint() for each in sheet)
        for each in sheet:
            content = each.payment.fingerprint()
            contracts = self.contracts.setdefault(content, set())
            contracts.add(each.own)
            self.charges[content] = max(self.charges[content], times[content], len(contracts))

    # What the loop and the server do

    def _those(self, *, in_flight: bool) -> list[str]:
        return [
            batch
            for batch, run in sorted(self.working.items())
            if (run.in_flight is not None) == in_flight and (in_flight or run.queue)
        ]

    @precondition(lambda self: self._those(in_flight=False))
    @rule(data=st.data())
    def an_intent_is_recorded(self, data: st.DataObject) -> None:
        self._intend(self.working[data.draw(st.sampled_from(self._those(in_flight=False)))])

    def _intend(self, run: Working) -> None:
        self._forget_what_was_read()
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
            row.named,
        )
        with self.journal.engine.begin() as connection:
            repeats = {}
            if not run.permissions.allow_repeats:
                repeats = meanwhile_elsewhere(connection, [intent], self.search)
            if not repeats:
                verbs.intend(connection, [intent])
        if repeats:
            self.journal.write(planning.hold, row, repeats[row.identity])
            run.queue.pop(0)
            return
        run.numbers[row.row_id] = number
        run.in_flight = (row, intent)

    @precondition(lambda self: self._those(in_flight=True))
    @rule(data=st.data(), answer=answers)
    def the_server_answers(self, data: st.DataObject, answer: str) -> None:
        self._answer(self.working[data.draw(st.sampled_from(self._those(in_flight=True)))], answer)

    @precondition(lambda self: self._those(in_flight=True))
    @rule(data=st.data(), answer=answers)
    def the_program_dies_before_the_answer_is_recorded(self, data: st.DataObject, answer: str) -> None:
        self._dies_after(self.working[data.draw(st.sampled_from(self._those(in_flight=True)))], answer)

    def _dies_after(self, run: Working, answer: str) -> None:
        self._serve(run, answer)
        if answer in _MAKING:
            self.arrived[-1].answered = False
        self.the_program_dies()

    def _answer(self, run: Working, answer: str) -> None:
        self._forget_what_was_read()
        assert run.in_flight is not None
        row, intent = run.in_flight
        exchange = self._serve(run, answer)
        tally = run.tallies.get(row.row_id) or attempt_rules.start_counters(
            row.history, resend=run.permissions.resend_unknown
        )
        uncertain = tally.uncertain > 0 or any(attempt.outcome in attempt_rules.UNCERTAIN for attempt in row.history)
        verdict = attempt_rules.classify_response(exchange, row.payment.reference_id, after_uncertain=uncertain)
        session = verdict.session_id if isinstance(verdict, attempt_rules.Created) else ""
        settlement = Settlement(
            intent.batch, intent.identity, intent.number, attempt_rules.outcome_of(verdict), self.now, session,
            attempt_rules.status_of(verdict), attempt_rules.reasons_of(verdict),
        )  # fmt: skip
        with self.journal.engine.begin() as connection:
            verbs.settle(connection, [settlement])
        run.in_flight = None
        tally = tally.with_verdict(verdict, send_link=row.payment.send_link)
        run.tallies[row.row_id] = tally
        if not isinstance(attempt_rules.next_step(verdict, tally, fresh_token=True), attempt_rules.Again):
            run.queue.pop(0)

    def _serve(self, run: Working, answer: str) -> Exchange:
        """What the server does with a request, and what of it comes back."""
        assert run.in_flight is not None
        row, intent = run.in_flight
        if answer != "not-sent":
            self.left.add((intent.batch, intent.identity, intent.number))
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

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def a_run_ends(self, data: st.DataObject) -> None:
        """The rest is not sent (`--first`, a signal, the breaker), or nothing was left."""
        self._end(data.draw(st.sampled_from(sorted(self.working))))

    @rule()
    def the_program_dies(self) -> None:
        """Whatever was under way is dropped: only the file is left."""
        self._forget_what_was_read()
        self.opened.close()
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
            rows = [row for row, _ in self._told(planned)]
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
        for key, now in self._outcomes.items():
            before = self.seen.get(key)
            if before is not None and before[0] is not Outcome.OPEN:
                assert now == before, f"{before} became {now}"
            self.seen[key] = now
        assert set(self._outcomes) >= set(self.seen), "an attempt is gone"

    @invariant()
    def every_attempt_has_an_intent_before_it_left(self) -> None:
        """Whatever reached the server has its intent in the journal."""
        assert self.left <= set(self._outcomes)

    @invariant()
    def perhaps_sticks(self) -> None:
        """A row whose e-mailed try is uncertain is `unknown` until a session of its content is made."""
        for planned in self.last.values():
            for row, history in self._told(planned):
                open_since = attempt_rules.unresolved_attempts(history)
                if row.status in {Status.INVALID, Status.CREATED, Status.ALREADY_CREATED}:
                    continue
                if any(attempt.send_link for attempt in open_since):
                    assert row.status is Status.UNKNOWN, f"{row.status} though it may exist"

    @invariant()
    def created_rows_show_their_session(self) -> None:
        """A row is `created` if and only if a session of its very content is recorded, whose id it shows."""
        for planned in self.last.values():
            for row, history in self._told(planned):
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
            for row, _ in self._told(planned):
                done = row.status in {Status.CREATED, Status.ALREADY_CREATED}
                assert done == (not row.errors)
                if row.status is Status.HELD:
                    assert row.errors[0].code.startswith("held-")
                    assert dict(row.errors[0].details)["date"]

    @property
    def _outcomes(self) -> dict[tuple[int, str, int], tuple[Outcome, str]]:
        if self._read_outcomes is None:
            with self.journal.engine.connect() as connection:
                self._read_outcomes = {
                    (one.batch_id, one.identity, one.number): (Outcome(one.outcome), one.session_id)
                    for one in connection.execute(select(attempts))
                }
        return self._read_outcomes

    def _told(self, planned: Planned) -> list[tuple[ReportRow, list[Attempt]]]:
        """What the journal tells of a run, read once after each step that may have changed it."""
        if planned.run not in self._read_rows:
            self._read_rows[planned.run] = self._with_history(planned)
        return self._read_rows[planned.run]

    def _forget_what_was_read(self) -> None:
        self._read_rows.clear()
        self._read_outcomes = None

    def _with_history(self, planned: Planned) -> list[tuple[ReportRow, list[Attempt]]]:
        """The rows of a run with the attempts under their keys."""
        with self.journal.engine.connect() as connection:
            keys = connection.scalars(
                select(rows.c.identity).where(rows.c.run_id == planned.run).order_by(rows.c.position)
            ).all()
            found = verbs.histories(connection, planned.batch.id, keys)
        return [(row, found.get(key, [])) for row, key in zip(planned.rows(), keys, strict=True)]


TestJournalStates = pytest.mark.slow(JournalStates.TestCase)
TestJournalStates.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


# ---------------------------------------------------------------------------------------------------------------
# Long walks: Hypothesis shrinks what it finds but repeats itself; a plain random walk goes further in the same time

WALKS, STEPS = 16, 40


def walk(random: Random, steps: int, trail: list[str]) -> None:
    """Go through the machine's states at random; `trail` tells how, for whoever has to fix what is found."""
    machine = JournalStates()
    try:
        sheet = [_any_line(random) for _ in range(random.randint(1, 3))]
        machine.a_sheet_arrives(sheet, random.choice(IDENTITIES), by_reference=random.random() < HALF)
        for _ in range(steps):
            trail.append(_step(machine, random))
            for check in INVARIANTS:
                check(machine)
    finally:
        machine.teardown()


def _any_line(random: Random) -> Line:
    reference, amount, payor = random.choice(REFERENCES), random.choice(AMOUNTS), random.choice(PAYORS)
    return line(reference, amount, payor, random.choice(("c1", "c2", "c3")), send_link=random.random() < 0.5)


def _step(machine: JournalStates, random: Random) -> str:
    batch = random.choice(WEIGHTED)
    run = machine.working.get(batch)
    if run is None:
        match random.randrange(8):
            case 0 | 1 | 2:
                change = random.choice(CHANGES)
                machine._change(batch, random.randrange(4), _any_line(random), change)
                return f"{batch}: {change}"
            case 3 if random.random() < 0.3:
                machine.identities[batch] = random.choice(IDENTITIES)  # type: ignore[assignment]
                return f"{batch}: --identity {machine.identities[batch]}"
            case _:
                permissions = random.choice(PERMISSIONS)
                machine._begin(batch, permissions)
                return f"{batch}: run {permissions}, {len(machine.working[batch].queue)} to send"
    if random.random() < 0.04:
        machine.the_program_dies()
        return "dies"
    if run.in_flight is None and (not run.queue or random.random() < 0.1):
        machine._end(batch)
        return f"{batch}: ends"
    if run.in_flight is None:
        machine._intend(run)
        return f"{batch}: intends"
    answer = random.choice(WEIGHTED_ANSWERS)
    if random.random() < 0.15:
        machine._dies_after(run, answer)
        return f"{batch}: {answer}, dies"
    machine._answer(run, answer)
    return f"{batch}: {answer}"


INVARIANTS = (
    JournalStates.nobody_is_asked_twice,
    JournalStates.a_row_is_asked_for_once,
    JournalStates.nothing_is_lost,
    JournalStates.created_is_final,
    JournalStates.every_attempt_has_an_intent_before_it_left,
    JournalStates.perhaps_sticks,
    JournalStates.created_rows_show_their_session,
    JournalStates.held_names_its_reason,
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_long_walks(seed: int) -> None:
    """However long users, servers and crashes go on, every invariant holds after every step."""
    random = Random(seed)
    for _ in range(WALKS):
        trail: list[str] = []
        try:
            walk(random, STEPS, trail)
        except AssertionError:
            print("\n".join(trail))  # noqa: T201 - the way to what was found
            raise
