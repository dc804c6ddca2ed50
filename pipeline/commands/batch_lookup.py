"""Which batch a person means: by its name, in the environment that is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pipeline.commands.where import journal_there
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain.errors import UsageError
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.queries import BatchLine, Numbered
from pipeline.system.atomic_output import WORKBOOKS, plain

NEAREST: Final = 3
"""Names that are shown for one that is unknown."""


@dataclass(frozen=True, slots=True)
class Found:
    """A batch of an open journal and the last run that was accepted."""

    journal: Journal
    batch: Batch
    run: int


@contextmanager
def found_batch(name: str, settings: Settings, *, in_sandbox: bool) -> Iterator[Found]:
    """The batch `name` of the sandbox, or of the configured API, with its journal open for the time of the context.

    No credentials are needed. Raises UsageError when there is no such batch, with the nearest names.
    """
    environment = SANDBOX if in_sandbox else settings.base_url.rstrip("/")
    with journal_there(settings, environment) as journal:
        if journal is None:
            raise UsageError("finding.none", batch=name)
        line = pick(journal.batch_lines(), name, environment)
        assert line.last_run is not None
        yield Found(journal, Batch(line.id, line.name, line.environment), line.last_run)


def meant(found: Found, number: int, file: str | None) -> list[Numbered]:
    """The rows of a batch that have this number in one sheet, newest first.

    Raises UsageError when no sheet has one, and when several have and none was named.
    """
    rows = found.journal.rows_of_number(found.batch, number)
    files = list(dict.fromkeys(one.row.file for one in rows))
    if file is None and len(files) > 1:
        told = {"row": number, "batch": found.batch.name, "files": ", ".join(files), "first": files[0]}
        raise UsageError("finding.row_in_several", **told)
    rows = [one for one in rows if file in {None, one.row.file}]
    if not rows:
        raise UsageError("finding.no_row", row=number, batch=found.batch.name)
    return rows


def pick(lines: Sequence[BatchLine], name: str, environment: str) -> BatchLine:
    """The batch `name` of this environment, among all batches that were run.

    Without an environment (no base URL is set, which a command needs that asks the API) the name alone may do, but
    never for the sandbox: play and money are told apart aloud. Raises UsageError.
    """
    named = [line for line in lines if line.name == name]
    here = [line for line in named if line.environment == environment]
    if not here and not environment:
        here = [line for line in named if line.environment != SANDBOX]
    if len(here) == 1:
        return here[0]
    elsewhere = ", ".join(sorted(line.environment for line in named))
    if len(here) > 1:
        raise UsageError("finding.ambiguous", batch=name, environments=elsewhere)
    if named and all(line.environment == SANDBOX for line in named):
        raise UsageError("finding.in_sandbox", batch=name)
    if named:
        raise UsageError("finding.elsewhere", batch=name, environments=elsewhere, here=environment)
    raise _unknown(lines, name, environment)


def _unknown(lines: Sequence[BatchLine], name: str, environment: str) -> UsageError:
    """Why a name is not found: whoever gives the name of the sheet or its path is told the name of the batch."""
    here = [line.name for line in lines if environment in {"", line.environment}]
    if not here:
        return UsageError("finding.none", batch=name)
    stem = plain(Path(name).stem, *WORKBOOKS)
    near = [stem] if stem in here else get_close_matches(name, here, n=NEAREST, cutoff=0.5)
    if not near:
        return UsageError("finding.unknown", batch=name, latest=here[-1])
    return UsageError("finding.nearest", batch=name, nearest=", ".join(near))
