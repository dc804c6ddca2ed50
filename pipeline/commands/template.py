"""`template`: an empty billing sheet, written over nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.domain.events import Emit, OutputPlaced
from pipeline.messages import translate
from pipeline.system.atomic_output import put
from schemas.languages import Lang

SUFFIX: Final = ".xlsx"


def template(output: Path | None, lang: Lang, emit: Emit) -> Path:
    """Write an empty billing sheet in a language, over no file; returns its place.

    Raises UsageError when it can't be written.
    """
    from pipeline.report.template import template as made

    path = output or Path(translate("billing-template.xlsx", lang))
    if path.suffix.casefold() != SUFFIX:
        raise UsageError("{path} is not an .xlsx name. Choose a name that ends in .xlsx.", path=path)
    content = made(lang)
    try:
        written = put(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise UsageError(
            "Can't write {path} ({reason}). Choose another place with -o.",
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from None
    emit(OutputPlaced(path, written))
    return written
