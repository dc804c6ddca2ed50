"""The journal's tables, the same on SQLite and PostgreSQL.

Money is integer cents, times are ISO 8601 text in UTC (they sort as text), lists are JSON text. A row of the user's
sheet is staged once for each run; its attempts hang on its identity in its batch, so that a corrected sheet finds
them again. `UNIQUE (batch_id, identity, number)` is the guard that holds whatever else fails: two programs that plan
the same next attempt can't both record its intent.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import BigInteger

metadata: Final = MetaData()

# SQLite numbers rows by itself only for a column that is declared exactly INTEGER PRIMARY KEY.
_ID: Final = BigInteger().with_variant(Integer(), "sqlite")

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
    UniqueConstraint("name", "environment"),
)

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
    UniqueConstraint("run_id", "position"),
)
"""`identity` is the key of a row's attempts, `named` what its sheet calls it: another after `--identity` changed,
or after a correction. `came_from`, `came_from_file` and `request_id` are what a workbook of ours that is given back
says: the row's number in the sheet that it came from, that sheet, its request. `supersedes` is the earlier form of the
row, which is told of it (`superseded_by`) when the run is accepted."""

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
    Column("decided_at", Text, nullable=False),
    Column("reasons", Text, nullable=False, default="[]"),
)
"""What a person decided about a row whose outcome was unknown; `reasons` is why it was, `number` the last try."""

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
