"""The pages, a module for each subject."""

from typing import Final

from pipeline.web.pages import batch, drafts, home, paid, reconcile, sending, setup, unknown

ALL: Final = (
    home.pages,
    setup.pages,
    drafts.pages,
    reconcile.pages,
    paid.pages,
    unknown.pages,
    sending.pages,
    batch.pages,
)
"""In the order in which an address is looked for: a batch's name may be any text, so the longer addresses come first
and the batch's own page, which takes every name, last."""
