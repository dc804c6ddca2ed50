"""`template`: an empty billing sheet, written over nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.commands.request import Screen
from pipeline.domain.errors import UsageError
from pipeline.messages import say
from pipeline.system.atomic_output import put
from schemas.languages import Lang

SUFFIX: Final = ".xlsx"


def template(output: Path | None, lang: Lang, screen: Screen) -> Path:
    """Write an empty billing sheet in a language, over no file; returns its place.

    Raises UsageError when it can't be written.
    """
    from pipeline.report.template import template as made

    path = output or Path(say("template.default_name", lang))
    if path.suffix.casefold() != SUFFIX:
        raise UsageError("template.not_xlsx", path=path)
    content = made(lang)
    try:
        written = put(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise UsageError("template.unwritable", path=path, reason=error.strerror or type(error).__name__) from None
    screen.placed(path, written)
    return written
