"""`batches`: what the journal remembers."""

from __future__ import annotations

from pipeline.journal.journal import open_journal
from pipeline.journal.story import BatchLine
from pipeline.settings import SANDBOX, Settings, default_journal


def list_batches(settings: Settings, *, in_sandbox: bool) -> list[BatchLine]:
    """All batches of the journal, the one that was run last at the end. Raises a Failure when it can't be read."""
    place = settings.journal or default_journal(SANDBOX if in_sandbox else settings.base_url)
    with open_journal(place) as journal:
        return journal.batch_lines()
