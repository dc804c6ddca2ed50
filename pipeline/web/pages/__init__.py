"""The pages, a module for each subject; those of a draft in the order in which a person comes to them."""

from typing import Final

from pipeline.web.pages import (
    batch,
    changes,
    check,
    draft,
    fix,
    home,
    new,
    paid,
    plan,
    reconcile,
    repeats,
    sending,
    setup,
    sheet,
    summary,
    unknown,
)

ALL: Final = (
    home.pages,
    setup.pages,
    new.pages,
    sheet.pages,
    check.pages,
    fix.pages,
    repeats.pages,
    changes.pages,
    summary.pages,
    plan.pages,
    draft.pages,
    reconcile.pages,
    paid.pages,
    unknown.pages,
    sending.pages,
    batch.pages,
)
"""In the order in which an address is looked for: a batch's name may be any text and a form of a draft any word, so the
longer addresses come first, a draft's own behind those of its pages, and the batch's own page, which takes every name,
last."""
