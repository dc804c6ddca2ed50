"""A sheet is dropped, the sample tried, the template downloaded (page 4)."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from pipeline.commands import drafts
from pipeline.domain.errors import InputError, RunError
from pipeline.domain.model import Mapping
from pipeline.messages import explain
from pipeline.reader import preview
from pipeline.web import uploads
from pipeline.web.pages.draft import open_desk, sheets_folder
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit

pages: Final = Pages()

SAMPLE: Final = {"en": "sample.csv", "fr": "exemple.csv"}


@pages.get("new")
def new(visit: Visit) -> Response:
    """Where a sheet is dropped."""
    if not visit.environment:
        return visit.go("setup")
    return visit.page("new.html", refused="")


@pages.post("new")
def drop(visit: Visit) -> Response:
    """Take a sheet; what the reader refuses is told in place."""
    upload = visit.form.get("sheet")
    try:
        if not isinstance(upload, UploadFile):
            raise InputError("Choose a file first.")
        return _taken(visit, uploads.keep(sheets_folder(visit), upload), upload.filename or "")
    except RunError as failure:
        return visit.page("new.html", 422, refused=explain(failure, visit.lang))


@pages.post("sample")
def sample(visit: Visit) -> Response:
    """The sample sheet, in practice alone."""
    if not visit.in_sandbox:
        return visit.go("new")
    name = SAMPLE[visit.lang]
    content = (files("pipeline.web") / "samples" / name).read_bytes()
    return _taken(visit, uploads.keep_file(sheets_folder(visit), name, io.BytesIO(content)), name)


def _taken(visit: Visit, file: Path, name: str) -> Response:
    """The draft of a sheet that can be read."""
    preview(file, Mapping())
    with open_desk(visit) as desk:
        draft = drafts.open_draft(desk, file, uploads.plain_name(name)).draft
    return visit.go(f"drafts/{draft.id}/sheet")


@pages.get("template.xlsx")
def template(visit: Visit) -> Response:
    """An empty billing sheet in the language of the page."""
    from pipeline.report.template import template as made  # noqa: PLC0415 - openpyxl, for this page alone

    def make(folder: Path) -> Path:
        path = folder / visit.say("billing-template.xlsx")
        path.write_bytes(made(visit.lang))
        return path

    return visit.download(make)
