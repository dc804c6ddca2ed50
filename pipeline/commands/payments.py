"""Who has paid: a page of a batch's requests, and the open ones as a list for reminders. Asks the journal alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.commands.batch_lookup import found_batch
from pipeline.config.settings import Settings
from pipeline.domain.model import Column
from pipeline.domain.payment_summary import PaymentState
from pipeline.journal import overview, queries, states
from pipeline.journal.overview import Filter, Line, Requests
from pipeline.report.reminders import write_reminders
from schemas.languages import Lang

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class PaymentsPage:
    """What became of a batch's requests, and some of the lines that a filter leaves; `found` are all it leaves.

    `asked_at` is when the API was last asked (aware), None when never.
    """

    requests: Requests
    asked_at: datetime | None
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    found: int


def payments_of(  # noqa: PLR0913 - which of whose, and how many
    name: str, which: Filter, first: int, most: int, settings: Settings, *, in_sandbox: bool
) -> PaymentsPage:
    """Lines from `first` on (0 is the first one). Raises UsageError when there is no such batch."""
    with found_batch(name, settings, in_sandbox=in_sandbox) as found, found.journal.reading() as connection:
        batch = found.batch.id
        counted = overview.requests(connection, batch)
        chosen = overview.lines(connection, counted, which, first, most)
        return PaymentsPage(
            requests=counted,
            asked_at=states.asked_at(connection, batch),
            columns=queries.roll_report(connection, batch).columns,
            lines=tuple(chosen.lines),
            found=chosen.count,
        )


def reminders_of(  # noqa: PLR0913 - which of whose, and where to
    name: str, before: datetime | None, settings: Settings, path: Path, lang: Lang, *, in_sandbox: bool
) -> None:
    """Write the requests that payors may still pay, made before a moment, to a CSV file for a mail merge."""
    which = Filter(PaymentState.WAITING, before)
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        journal, batch = found.journal, found.batch.id
        counted = journal.read(overview.requests, batch)

        def open_ones() -> Iterator[Line]:
            first = 0
            while some := journal.read(overview.lines, counted, which, first, _CHUNK).lines:
                yield from (line for line in some if line.can_cancel)
                first += _CHUNK

        write_reminders(open_ones(), path, lang)
