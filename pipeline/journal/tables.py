"""The journal's tables, the same on SQLite and PostgreSQL.

Money is integer cents, times are ISO 8601 text in UTC (they sort as text), lists are JSON text. A row of the user's
sheet is staged once for each run; its attempts hang on its identity in its batch, so that a corrected sheet finds
them again. `UNIQUE (batch_id, identity, number)` is the guard that holds whatever else fails: two programs that plan
the same next attempt can't both record its intent.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import BigInteger

metadata: Final = MetaData()

# SQLite numbers rows by itself only for a column that is declared exactly INTEGER PRIMARY KEY.
_ID: Final = BigInteger().with_variant(Integer(), "sqlite")


class SessionUser(ColumnElement[str]):
    """Whom the database took somebody for, as a default that it writes itself; empty where it has no users."""

    inherit_cache = True


@compiles(SessionUser)
def _session_user(_element: SessionUser, compiler: Any, **_: Any) -> str:
    return "session_user" if compiler.dialect.name == "postgresql" else "''"


def _account() -> Column[str]:
    """The user of the database who wrote a record, beside `who`: nobody else can say who that was."""
    return Column("who_account", Text, nullable=False, server_default=SessionUser())


migrations: Final = Table(
    "migrations",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("applied_at", Text, nullable=False),
)

batches: Final = Table(
    "batches",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("purged_at", Text),
    Column("holder", Text, nullable=False, default=""),
    UniqueConstraint("name", "environment"),
)
"""`holder` is the mark of the run that took the batch last: see `lock.BatchClaim`."""

runs: Final = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sheet", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("columns", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("staged_at", Text),
    Column("accepted_at", Text),
    Column("sheet_id", BigInteger),
    Column("partial", Boolean, nullable=False, default=False),
    Column("ended_at", Text),
    Column("exit_code", Integer),
    Column("stopped", Text, nullable=False, default=""),
    Column("stopped_details", Text, nullable=False, default="{}"),
    Column("approval", Text),
    Column("controls", Text, nullable=False, default="[]"),
    Column("notices", Text, nullable=False, default="[]"),
    Column("who", Text, nullable=False, default=""),
    _account(),
)

runs_by_file: Final = Index("runs_by_file", runs.c.sha256)
"""A sheet belongs to its batch once its run was accepted (`accepted_at`): a guard that refuses it leaves the batch as
it is. `sheet_id` is the run that first brought this sheet, in whatever version; a `partial` one is a workbook of ours
that is given back, with some of the rows of the sheet that it came from."""

rows: Final = Table(
    "rows",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("cells", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("named", Text, nullable=False, default=""),
    Column("fingerprint", LargeBinary),
    Column("payment", Text),
    Column("amount_cents", BigInteger),
    Column("send_link", Boolean),
    Column("faults", Text, nullable=False, default="[]"),
    Column("notices", Text, nullable=False, default="[]"),
    Column("plan", Text, nullable=False),
    Column("hold", Text),
    Column("came_from", Integer, nullable=False, default=0),
    Column("came_from_file", Text, nullable=False, default=""),
    Column("request_id", Text, nullable=False, default=""),
    Column("supersedes", BigInteger),
    Column("superseded_by", BigInteger),
    Column("left_out", Boolean, nullable=False, default=False),
    Column("released", Text, nullable=False, default=""),
    UniqueConstraint("run_id", "position"),
)
"""`identity` is the key of a row's attempts, `named` what its sheet calls it: another after `--identity` changed,
or after a correction. `came_from`, `came_from_file` and `request_id` are what a workbook of ours that is given back
says: the row's number in the sheet that it came from, that sheet, its request. `supersedes` is the earlier form of the
row, which is told of it (`superseded_by`) when the run is accepted. `left_out` says that a person left it out,
`released` why it is sent though it was held."""

attempts: Final = Table(
    "attempts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False),
    Column("identity", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("named", Text, nullable=False, default=""),
    Column("row_number", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("content", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("send_link", Boolean, nullable=False),
    Column("intended_at", Text, nullable=False),
    Column("settled_at", Text),
    Column("outcome", Text, nullable=False),
    Column("session_id", Text, nullable=False, default=""),
    Column("http_status", Integer),
    Column("reasons", Text, nullable=False, default="[]"),
    UniqueConstraint("batch_id", "identity", "number"),
)

Index("attempts_by_fingerprint", attempts.c.fingerprint)
attempts_by_session: Final = Index("attempts_by_session", attempts.c.session_id)
attempts_by_run: Final = Index("attempts_by_run", attempts.c.run_id)
attempts_by_name: Final = Index("attempts_by_name", attempts.c.named)

evidence: Final = Table(
    "evidence",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False, index=True),
    Column("identity", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("proof", Text, nullable=False),
    Column("payment_key", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sheet", Text, nullable=False, default=""),
    Column("line", Integer, nullable=False),
    Column("reported_on", Text, nullable=False, default=""),
    Column("session_id", Text, nullable=False, default=""),
    Column("recorded_at", Text, nullable=False),
    Column("who", Text, nullable=False),
    _account(),
)

states: Final = Table(
    "states",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False, index=True),
    Column("session_id", Text, nullable=False, index=True),
    Column("session_status", Text, nullable=False),
    Column("transactions", Text, nullable=False, default="[]"),
    Column("amount_cents", BigInteger),
    Column("known", Boolean, nullable=False),
    Column("since", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
)
"""What the API said of a session, a line for each change: `since` it was first seen so, `asked_at` last."""

decisions: Final = Table(
    "decisions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False, index=True),
    Column("identity", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("session_id", Text, nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Column("who", Text, nullable=False),
    _account(),
    Column("decided_at", Text, nullable=False),
    Column("reasons", Text, nullable=False, default="[]"),
)
"""What a person decided about a row whose outcome was unknown; `reasons` is why it was, `number` the last try."""

plans: Final = Table(
    "plans",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sheet", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_by_account", Text, nullable=False, default=""),
    Column("made_at", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("details", Text, nullable=False, default=""),
    Column("payloads", Text, nullable=False),
    UniqueConstraint("batch_id", "number"),
)
"""What somebody wants to send: `payloads` has a digest for each row number, `figures` and `details` are what the
approver looks at; `details` are about people and go with a purge. `…_account` is the user of the database."""

plan_events: Final = Table(
    "plan_events",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("plan_id", ForeignKey("plans.id"), nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("who_account", Text, nullable=False, default=""),
    Column("at", Text, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("run_id", ForeignKey("runs.id")),
    Column("rows", Integer, nullable=False, default=0),
)
"""What was done with a plan, never changed: approved, sent back, sent, differed."""

outputs: Final = Table(
    "outputs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("written_at", Text, nullable=False),
)
"""The file that was written last at a place for a batch. By its name alone: nothing of a journal depends on a file."""

drafts: Final = Table(
    "drafts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("batch", Text, nullable=False, default=""),
    Column("choices", Text, nullable=False, default="{}"),
    Column("made_by", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("run_id", BigInteger),
    UniqueConstraint("environment", "sha256"),
)
"""A sheet by its bytes, before it is sent and after: how it is read, and what was corrected in it. `run_id` is the run
of purpose `draft` in which it is staged, if it is."""

corrections: Final = Table(
    "corrections",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("draft_id", ForeignKey("drafts.id"), nullable=False, index=True),
    Column("sheet", Text, nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("column_index", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("who", Text, nullable=False),
    _account(),
    Column("corrected_at", Text, nullable=False),
)
"""What a person typed over a cell. Nothing is changed here: the newest of a cell is in force."""

left_out_rows: Final = Table(
    "left_out_rows",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("draft_id", ForeignKey("drafts.id"), nullable=False, index=True),
    Column("sheet", Text, nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("out", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    _account(),
    Column("decided_at", Text, nullable=False),
)
"""A row that a person left out, or (not `out`) took back: the newest of a row is in force."""

deposit_ticks: Final = Table(
    "deposit_ticks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("environment", Text, nullable=False, index=True),
    Column("day", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("ticked", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    _account(),
    Column("decided_at", Text, nullable=False),
)
"""A consolidated deposit that a person found at the bank, or (not `ticked`) did not after all: the newest counts."""

draft_decisions: Final = Table(
    "draft_decisions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("draft_id", ForeignKey("drafts.id"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("about", Text, nullable=False, default=""),
    Column("holds", Boolean, nullable=False),
    Column("value", Text, nullable=False, default=""),
    Column("who", Text, nullable=False),
    _account(),
    Column("decided_at", Text, nullable=False),
)
"""What else a person decided about a draft (`domain.drafts.Subject`), or (not `holds`) took back. `about` is what it is
about, of those of one subject: the newest of each is in force."""

shared_runs: Final = Table(
    "shared_runs",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("word", Text, nullable=False),
    Column("life", Double, nullable=False),
    Column("renewed_at", Double, nullable=False),
    Column("paused_until", Double, nullable=False, default=0.0),
    Column("stop", Text, nullable=False, default=""),
)
"""A run that several workers send at the moment, and what they all heed. It is there as long as the coordinator is:
`renewed_at` says when that was last heard of, `life` for how long whoever is silent counts as there. `word` tells this
run from one of the same number in another journal, `stop` is why all are to stop. Times of these two tables are seconds
of the server's clock, which alone compares them."""

shares: Final = Table(
    "shares",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("after", Integer, nullable=False),
    Column("before", Integer, nullable=False),
    Column("owner", Text, nullable=False, default=""),
    Column("worker", Text, nullable=False, default=""),
    Column("renewed_at", Double, nullable=False, default=0.0),
    Column("claims", Integer, nullable=False, default=0),
    Column("done", Boolean, nullable=False, default=False),
    Column("counts", Text, nullable=False, default="{}"),
)
"""The rows of a shared run between two positions. Only its `owner` may intend to send them, a name that each claim
makes up; `counts` is what the owners said of their progress (`shares.Counts`)."""
