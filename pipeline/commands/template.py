"""`template`: an empty billing sheet, written where nothing stands yet."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.model import UsageFailure
from pipeline.texts import say
from schemas.languages import Lang

SUFFIX: Final = ".xlsx"


def template(output: Path | None, lang: Lang) -> Path:
    """Write an empty billing sheet in a language; returns its place. Never writes over a file.

    Raises UsageFailure when something stands there already, or it can't be written.
    """
    from pipeline.report.template import template as made

    path = output or Path(say("template.default_name", lang))
    if path.suffix.casefold() != SUFFIX:
        raise UsageFailure("template.not_xlsx", path=path)
    content = made(lang)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise UsageFailure("template.exists", path=path) from None
    except OSError as error:
        raise UsageFailure("template.unwritable", path=path, reason=error.strerror or type(error).__name__) from None
    return path
