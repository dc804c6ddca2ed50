"""Which batch a person means: by its name, in the environment that is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pipeline.commands.environment import journal_there
from pipeline.config.settings import SANDBOX, Settings, environment_name
from pipeline.domain.errors import UsageError
from pipeline.journal import queries
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.queries import BatchName, Numbered
from pipeline.system.atomic_output import WORKBOOKS, plain

NEAREST: Final = 3
"""Names that are shown for one that is unknown."""


@dataclass(frozen=True, slots=True)
class BatchHandle:
    """A batch of an open journal and the last run that was accepted."""

    journal: Journal
    batch: Batch
    run: int


@contextmanager
def found_batch(name: str, settings: Settings, *, in_sandbox: bool) -> Iterator[BatchHandle]:
    """The batch `name` of the sandbox, or of the configured API, with its journal open for the time of the context.

    No credentials are needed. Raises UsageError when there is no such batch, with the nearest names.
    """
    environment = environment_name(settings, in_sandbox=in_sandbox)
    with journal_there(settings, environment) as journal:
        if journal is None:
            raise UsageError(
                "There is no batch {batch}: the journal has no batches here yet. Check "
                "--journal, --sandbox and FLINKS_BASE_URL.",
                batch=name,
            )
        line = pick(journal.read(queries.batch_names), name, environment)
        yield BatchHandle(journal, Batch(line.id, line.name, line.environment), line.last_run)


@contextmanager
def held_batch(name: str, settings: Settings, *, in_sandbox: bool) -> Iterator[BatchHandle]:
    """The same, held against every run for the time of the context. Raises BatchBusyError when one holds it."""
    with found_batch(name, settings, in_sandbox=in_sandbox) as found, found.journal.lease(found.batch) as held:
        yield replace(found, journal=held)


def meant(found: BatchHandle, number: int, file: str | None) -> list[Numbered]:
    """The rows of a batch that have this number in one sheet, newest first.

    Raises UsageError when no sheet has one, and when several have and none was named.
    """
    rows = found.journal.read(queries.rows_of_number, found.batch.id, number)
    files = list(dict.fromkeys(one.row.file for one in rows))
    if file is None and len(files) > 1:
        told = {"row": number, "batch": found.batch.name, "files": ", ".join(files), "first": files[0]}
        raise UsageError(
            "Several sheets of batch {batch} have a row {row}: {files}. Choose one, for example --file {first}.", **told
        )
    rows = [one for one in rows if file in {None, one.row.file}]
    if not rows:
        raise no_such_row(found.batch.name, number)
    return rows


def no_such_row(batch: str, number: int) -> UsageError:
    """No sheet of a batch has this row."""
    return UsageError(
        "No sheet of batch {batch} has a row {row}. Give a number from the row column of "
        "the workbook; with --file, the name of the sheet.",
        row=number,
        batch=batch,
    )


def pick(lines: Sequence[BatchName], name: str, environment: str) -> BatchName:
    """The batch `name` of this environment, among all batches that were run.

    Without an environment (no base URL is set, which a command needs that asks the API) the name alone may do, but
    never for the sandbox: the user must say which is meant. Raises UsageError.
    """
    named = [line for line in lines if line.name == name]
    here = [line for line in named if line.environment == environment]
    if not here and not environment:
        here = [line for line in named if line.environment != SANDBOX]
    if len(here) == 1:
        return here[0]
    elsewhere = ", ".join(sorted(line.environment for line in named))
    if len(here) > 1:
        raise UsageError(
            "Batch {batch} was sent to {environments}. Set FLINKS_BASE_URL to one of them.",
            batch=name,
            environments=elsewhere,
        )
    if named and all(line.environment == SANDBOX for line in named):
        raise UsageError("Batch {batch} was sent to the built-in sandbox. Add --sandbox.", batch=name)
    if named:
        raise UsageError(
            "Batch {batch} was sent to {environments}, not to {here}. Add --sandbox, or set "
            "FLINKS_BASE_URL to its environment.",
            batch=name,
            environments=elsewhere,
            here=environment,
        )
    raise _unknown(lines, name, environment)


def _unknown(lines: Sequence[BatchName], name: str, environment: str) -> UsageError:
    """Why a name is not found; for the name or path of a sheet, the name of its batch."""
    here = [line.name for line in lines if environment in {"", line.environment}]
    if not here:
        return UsageError(
            "There is no batch {batch}: the journal has no batches here yet. Check "
            "--journal, --sandbox and FLINKS_BASE_URL.",
            batch=name,
        )
    stem = plain(Path(name).stem, *WORKBOOKS)
    near = [stem] if stem in here else get_close_matches(name, here, n=NEAREST, cutoff=0.5)
    if not near:
        return UsageError(
            "There is no batch {batch}. The last one is {latest}. To list them all: `flinks-import batches`.",
            batch=name,
            latest=here[-1],
        )
    return UsageError(
        "There is no batch {batch}. The nearest is {nearest}. To list them all: `flinks-import batches`.",
        batch=name,
        nearest=", ".join(near),
    )
