"""`plan`: a sheet becomes a small file that a second person approves; and holding a run against it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from pipeline.client.payload import LANGUAGES, body
from pipeline.commands import beside, prepare, where
from pipeline.commands.interrupts import interrupts
from pipeline.commands.prepare import Prepared, Workplace
from pipeline.commands.request import Request, Screen
from pipeline.config.settings import Settings
from pipeline.domain import approval
from pipeline.domain.approval import Approved, Candidate
from pipeline.domain.errors import InputError, UsageError
from pipeline.messages import say
from pipeline.system.atomic_output import Ours, put
from schemas.languages import Lang
from schemas.money import from_cents

SUFFIX: Final = ".plan.json"
_DIFFERENCES: Final = {"missing": "plan.missing", "new": "plan.new", "changed": "plan.changed"}


def plan(request: Request, settings: Settings, screen: Screen) -> tuple[Approved, Path]:
    """Validate a sheet and write its plan; returns the plan and its place.

    Raises InputError when nothing would be sent or a guard fails, UsageError when the plan can't be written.
    """
    if not (request.sandbox or settings.base_url):
        raise UsageError("settings.no_base_url")
    with interrupts(), where.rehearsal(settings, in_sandbox=request.sandbox) as place:
        table = prepare.read(request, screen)
        checked = prepare.check(table, request, settings, place)
        with where.journal_of(place, screen.journal_begun) as journal:
            batch = journal.batch(prepare.batch_name(request, table), place.name, datetime.now().astimezone())
            if refused := prepare.refusal(journal, batch, table, request, settings):
                raise refused
            workplace = Workplace(journal, batch, prepare.REHEARSAL, place.base_url, settings)
            prepared = prepare.begin_and_plan(workplace, table, checked, request, screen)
            try:
                if prepared.refused is not None:
                    raise prepared.refused
                made = _made(workplace, prepared, table.source.name, table.source.sha256)
            finally:
                journal.forget(prepared.run)
            wanted = request.output or request.file.with_name(f"{request.file.stem}{SUFFIX}")
            path = _write(made, wanted, beside.ours_of(journal, batch, request.file))
    screen.placed(wanted, path)
    return made, path


def _made(workplace: Workplace, prepared: Prepared, file: str, digest: str) -> Approved:
    forecast = prepared.forecast
    if not forecast.to_send:
        raise InputError("plan.nothing_to_send")
    payloads = {candidate.row: candidate.digest for candidate in candidates(workplace, prepared) if candidate.sending}
    return Approved(
        format=approval.FORMAT,
        batch=workplace.batch.name,
        environment=workplace.batch.environment,
        file=file,
        sha256=digest,
        made_by=user(),
        made_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        rows=forecast.rows,
        to_send=forecast.to_send,
        amount=f"{from_cents(forecast.to_send_cents):.2f}",
        e_mailed=forecast.e_mailed,
        payloads=payloads,
    )


def candidates(workplace: Workplace, prepared: Prepared) -> Iterator[Candidate]:
    """Every valid row of a planned run, with a digest of what would be sent."""
    language = LANGUAGES[workplace.settings.language]
    for row in workplace.journal.valid_rows(prepared.run):
        digest = approval.digest(body(row.payment, language))
        yield Candidate(row.number, digest, sending=row.plan == "send", kept=row.plan == "keep")


def hold_against(
    path: Path, workplace: Workplace, prepared: Prepared, lang: Lang
) -> tuple[Approved, InputError | None]:
    """The plan at `path`, and what keeps a planned run from it, if anything does."""
    approved = read(path)
    batch = workplace.batch
    if approved.batch != batch.name:
        return approved, InputError("plan.other_batch", planned=approved.batch, found=batch.name)
    if approved.environment != batch.environment:
        return approved, InputError("plan.other_environment", planned=approved.environment, found=batch.environment)
    found = approval.differences(approved, candidates(workplace, prepared))
    if not found:
        return approved, None
    shown = ", ".join(say(_DIFFERENCES[item.kind], lang, row=item.row) for item in found[: approval.SHOWN])
    more = len(found) - approval.SHOWN
    if more > 0:
        shown = say("plan.and_more", lang, shown=shown, count=more)
    return approved, InputError("plan.differs", count=len(found), shown=shown)


def read(path: Path) -> Approved:
    """The plan file at `path`. Raises InputError when it is none."""
    try:
        approved = msgspec.json.decode(path.read_bytes(), type=Approved)
    except FileNotFoundError:
        raise InputError("plan.missing_file", path=path) from None
    except OSError as error:
        raise InputError("plan.cannot_read", path=path, error=error.strerror) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError("plan.not_a_plan", path=path) from None
    if approved.format != approval.FORMAT:
        raise InputError("plan.not_a_plan", path=path)
    return approved


def _write(made: Approved, path: Path, ours: Ours) -> Path:
    """Write a plan whole or not at all, for its owner only; gives its place."""
    text = msgspec.json.format(msgspec.json.encode(made), indent=1)
    try:
        return put(path, lambda part: part.write_bytes(text), ours)
    except OSError as error:
        raise UsageError("plan.cannot_write", path=path, error=error.strerror) from None


def user() -> str:
    """The name under which this person is logged in, or `-` where the system does not know one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "-"
