"""A marked copy of the user's own .xlsx: its look kept, faulty cells coloured and commented, our columns at the right.

openpyxl reads and writes the whole workbook, and drops what it does not know. So a workbook with anything that it would
lose is left alone, and the user is told what that is: nobody gets a copy from which something is silently missing.
Text of a user's or of the API's never becomes a formula. The copy holds whole account numbers, like the original.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from errno import EINVAL, ESTALE
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.drafts import CORRECTED
from pipeline.domain.errors import UsageError
from pipeline.domain.model import Column, Report, ReportRow
from pipeline.domain.number_formats import is_date_format
from pipeline.domain.totals import needs_a_person
from pipeline.messages import N_, Joined, Message
from pipeline.report.cells import cut
from pipeline.report.formatting import column_names
from pipeline.report.results import NOTE_WIDTH, NOTES_AUTHOR, advice_on, blames, note_height, note_on
from pipeline.report.styles import FAULTY, STATUS_COLOURS
from pipeline.system.atomic_output import is_ours
from pipeline.system.zip_errors import ZIP_ERRORS
from schemas.faults import Fault, sentences
from schemas.fields import BATCH_PROPERTY, FIX_COLUMN, OWN_COLUMNS, ROW_COLUMN, RUN_PROPERTY
from schemas.languages import LANGUAGES, Lang
from schemas.workbook_names import heading, word

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_NAMES: Final = (ROW_COLUMN, *OWN_COLUMNS, FIX_COLUMN)
_WIDTHS: Final = (8, 15, 40, 24, 64, 40, 18, 14, 10, 28, 64)
_STATUS_AT: Final = _NAMES.index("status")

_KEPT: Final = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(?:app|core|custom)\.xml|docProps/thumbnail\.\w+"
    r"|xl/(?:workbook|styles|sharedStrings|calcChain)\.xml|xl/_rels/workbook\.xml\.rels|xl/theme/(?:_rels/)?[\w.]+"
    r"|xl/worksheets/(?:_rels/)?sheet\d+\.xml(?:\.rels)?|xl/tables/table\d+\.xml|xl/printerSettings/\w+\.bin"
    r"|xl/comments/?\w*\.xml|xl/drawings/(?:vmlDrawing|commentsDrawing)\w*\.vml|customXml/.*"
)
"""Parts that openpyxl keeps or makes anew, or whose loss nobody sees (printer settings, the order of calculation)."""

_LOST: Final = (
    (N_("macros"), re.compile(r"xl/(?:vbaProject|macrosheets|dialogsheets)|.*vbaProject")),
    (N_("pivot tables or slicers"), re.compile(r"xl/(?:pivot|slicer|timeline)", re.IGNORECASE)),
    (N_("links to other workbooks"), re.compile(r"xl/externalLinks")),
    (N_("form controls or embedded objects"), re.compile(r"xl/(?:ctrlProps|activeX|embeddings|webextensions)")),
    (N_("threaded comments"), re.compile(r"xl/(?:threadedComments|persons)")),
    (
        N_("data connections or queries"),
        re.compile(r"xl/(?:connections|queryTables|queries|model)|customData|xl/customData"),
    ),
    (
        N_("charts, pictures or shapes"),
        re.compile(r"xl/(?:charts|chartsheets|drawings|media|diagrams|richData|cellimages)"),
    ),
    (N_("a digital signature"), re.compile(r"_xmlsignatures")),
)
_SHEET: Final = re.compile(r"xl/worksheets/sheet\d+\.xml")
_EXTENSION: Final = b"<extLst"
_BLOCK: Final = 1 << 20
_LONGEST_TOKEN: Final = 1 << 20
"""Bytes between two `<`: a cell holds 32,767 characters, which take 200 kB when each is escaped."""


def _headings(lang: Lang) -> tuple[str, ...]:
    return tuple(heading(name, lang) for name in _NAMES)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the table stands in the user's sheet: the row of the headings, and the number of each column, from 1."""

    heading_row: int
    columns: tuple[tuple[int, Column], ...]


def check_original(original: Path) -> None:
    """Finds out, before the first request, whether a marked copy of the workbook can be made.

    Raises UsageError when it is not an .xlsx, is a workbook of ours, or holds what a copy would lose.
    """
    try:
        with zipfile.ZipFile(original) as package:
            names = package.namelist()
            lost = list(dict.fromkeys(_losses(package, names)))
    except ZIP_ERRORS:
        raise UsageError(
            "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet "
            "Errors instead, or save the file as .xlsx first.",
            file=original.name,
        ) from None
    if "xl/workbook.xml" not in names:
        raise UsageError(
            "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet "
            "Errors instead, or save the file as .xlsx first.",
            file=original.name,
        )
    if is_ours(original):
        raise UsageError(
            "{file} is a workbook of this program. Its sheet Errors already shows what "
            "--marked-copy would. Remove --marked-copy.",
            file=original.name,
        )
    if lost:
        raise UsageError(
            "A marked copy of {file} would lose {what}. Remove --marked-copy, and correct the "
            "sheet Errors or the file itself.",
            file=original.name,
            what=Joined([Message(kind, {"part": part}) for kind, part in lost]),
        )


def _losses(package: zipfile.ZipFile, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The kind of each part that a copy would lose, and its name where the kind is not known."""
    for name in names:
        if _KEPT.fullmatch(name) or name.endswith("/"):
            if _SHEET.fullmatch(name) and _holds(package, name, _EXTENSION):
                yield N_("sparklines, data bars or other extensions"), ""
            if _has_long_token(package, name):
                yield N_("texts longer than a cell can hold"), ""
            continue
        kind = next((kind for kind, pattern in _LOST if pattern.match(name)), None)
        yield (kind, "") if kind else (N_("parts that this program does not know ({part})"), name)


def _holds(package: zipfile.ZipFile, name: str, wanted: bytes) -> bool:
    """Whether a part holds some bytes, read piece by piece."""
    with package.open(name) as stream:
        before = b""
        while block := stream.read(_BLOCK):
            if wanted in before + block:
                return True
            before = block[-len(wanted) :]
    return False


def _has_long_token(package: zipfile.ZipFile, name: str) -> bool:
    """Whether a part has a tag or a text that no cell needs. openpyxl parses by small pieces, and an older expat begins
    such a thing anew with each (docs/decisions/0010-parsers.md).
    """
    with package.open(name) as stream:
        run = 0
        while block := stream.read(_BLOCK):
            first, *others = map(len, block.split(b"<"))
            if max(run + first, *others, 0) > _LONGEST_TOKEN:
                return True
            run = others[-1] if others else run + first
    return False


def write_marked(original: Path, report: Report, rows: Iterable[ReportRow], path: Path, lang: Lang) -> None:
    """Writes the copy to `path`. `rows` are read once; `original` is never changed.

    The whole workbook is in memory meanwhile. Raises OSError when the original can't be read any more, or is another.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to come, and only for this

    try:
        book = load_workbook(original, rich_text=True)
    except Exception as error:  # openpyxl has no one failure for what it can't read
        raise OSError(EINVAL, type(error).__name__) from error
    name = report.source.sheet
    layout = _find(book[name], report.columns) if name in book.sheetnames else None
    if layout is None or _sha256(original) != report.source.sha256:
        raise OSError(ESTALE, os.strerror(ESTALE))
    copying = _Copying(book[name], layout, lang)
    copying.headings()
    for row in rows:
        copying.add(row)
    copying.finish()
    _name_batch(book, report)
    book.save(path)


def _name_batch(book: Any, report: Report) -> None:
    """The copy says of which batch and run it is: given back under any name, it goes on with it."""
    from openpyxl.packaging.custom import StringProperty  # noqa: PLC0415 - as above

    told = {BATCH_PROPERTY: report.batch, RUN_PROPERTY: report.mark}
    others = [one for one in book.custom_doc_props.props if one.name not in told]
    book.custom_doc_props.props = [*others, *(StringProperty(name=name, value=text) for name, text in told.items())]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _find(sheet: Worksheet, columns: Sequence[Column]) -> _Layout | None:
    """The first row that holds the headings of all columns in their order."""
    for number, row in enumerate(sheet.iter_rows(), sheet.min_row):
        texts = [str(cell.value if cell.value is not None else "").strip() for cell in row]
        places: list[int] = []
        for column in columns:
            after = places[-1] + 1 if places else 0
            heading = column.heading.strip()
            at = next((at for at in range(after, len(texts)) if texts[at] == heading), None)
            if at is None:
                break
            places.append(at)
        else:
            return _Layout(number, tuple((at + 1, column) for at, column in zip(places, columns, strict=True)))
    return None


class _Copying:
    """The user's sheet while it is being marked."""

    def __init__(self, sheet: Worksheet, layout: _Layout, lang: Lang) -> None:
        from openpyxl.styles import PatternFill  # noqa: PLC0415 - slow to come, and only for this

        self._sheet = sheet
        self._layout = layout
        self._lang = lang
        self._names = column_names((column for _, column in layout.columns), lang)
        self._headings = _headings(lang)
        self._first, self._is_new = self._place()
        self._faulty = PatternFill("solid", fgColor=_rgb(FAULTY))
        self._fills = {status: PatternFill("solid", fgColor=_rgb(fill)) for status, (fill, _) in STATUS_COLOURS.items()}

    def _place(self) -> tuple[int, bool]:
        """The first of our columns: behind everything that the sheet holds, or where an earlier copy has them.

        An earlier copy keeps its headings, in whichever language they are.
        """
        head = self._sheet[self._layout.heading_row]
        texts = [str(cell.value or "") for cell in head]  # from column 1, whatever is empty
        width = len(_NAMES)
        for at in range(len(texts) - width + 1):
            for lang in LANGUAGES:
                if tuple(texts[at : at + width]) == _headings(lang):
                    self._headings = _headings(lang)
                    return at + 1, False
        cells = (cell for row in self._sheet.iter_rows() for cell in row)
        # Beside the table without a gap: a spreadsheet sorts what stands together together.
        return max((cell.column for cell in cells if cell.value is not None), default=0) + 1, True

    def headings(self) -> None:
        """Our headings, in the look of the user's own."""
        row = self._layout.heading_row
        model = self._sheet.cell(row, self._layout.columns[-1][0])
        for index, (name, width) in enumerate(zip(self._headings, _WIDTHS, strict=True)):
            cell = self._sheet.cell(row, self._first + index)
            cell.value = name
            if self._is_new:
                _dress(cell, model)
                self._sheet.column_dimensions[self._letters(self._first + index)].width = width

    def add(self, row: ReportRow) -> None:
        """Marks one row and fills our columns beside it."""
        number = row.row.number
        self._correct(row)
        if needs_a_person(row):
            self._blame(row)
        texts = self._texts(row)
        for index, name in enumerate(_NAMES):
            cell = self._sheet.cell(number, self._first + index)
            self._put(cell, name, texts[name])
        self._sheet.cell(number, self._first + _STATUS_AT).fill = self._fills[row.status]

    def finish(self) -> None:
        """Makes the user's filter or table as wide as it now is: sorting must not tear our columns off their rows."""
        if not self._is_new:
            return
        sheet, last = self._sheet, self._first - 1
        end = self._letters(last + len(_NAMES))
        for table in sheet.tables.values():
            if re.search(rf":{self._letters(last)}\d+$", table.ref) and table.ref.partition(":")[0].endswith(
                str(self._layout.heading_row)
            ):
                _widen(table, end, self._headings)
        if sheet.auto_filter.ref:
            sheet.auto_filter.ref = re.sub(r":[A-Z]+", f":{end}", sheet.auto_filter.ref)

    @staticmethod
    def _letters(column: int) -> str:
        from openpyxl.utils import get_column_letter  # noqa: PLC0415 - as above

        return get_column_letter(column)

    def _texts(self, row: ReportRow) -> dict[str, object]:
        return {
            ROW_COLUMN: row.row.number,
            "status": word(row.status, self._lang),
            "sessionId": row.session_id,
            "launchUrl": row.launch_url,
            "errors": sentences(row.errors, self._lang, self._names),
            "notices": sentences(row.notices, self._lang, self._names),
            "referenceSent": row.reference_sent or "",
            "amountSent": row.amount_sent,
            "attempts": row.attempts,
            "createdAt": row.created_at.isoformat(timespec="seconds") if row.created_at else "",
            FIX_COLUMN: advice_on(row.errors, self._lang),
        }

    def _put(self, cell: Any, name: str, value: object) -> None:
        from openpyxl.styles import Alignment  # noqa: PLC0415 - as above

        if isinstance(value, str):
            cell.value = None
            if value:
                _set_text(cell, value)
            cell.number_format = "@"
            # Lines are not folded: that would change the heights of the user's rows. The comments tell all.
            cell.alignment = Alignment(indent=1, horizontal="fill" if name == "launchUrl" else "left")
        else:
            cell.value = value
            cell.number_format = "#,##0.00" if name == "amountSent" else "0"

    def _correct(self, row: ReportRow) -> None:
        """Puts into the cells what a person typed over them: no correction applies to the other bytes of the copy."""
        from openpyxl.cell.cell import MergedCell  # noqa: PLC0415 - as above

        corrected = {fault.field for fault in row.notices if fault.code in CORRECTED}
        for number, column in self._layout.columns if corrected else ():
            cell: Any = self._sheet.cell(row.row.number, number)
            if column.heading in corrected and not isinstance(cell, MergedCell):
                cell.value = None
                if text := row.row.cells[column.index]:
                    _set_text(cell, text)

    def _blame(self, row: ReportRow) -> None:
        """Colours each cell that a fault is about, and says there what is wrong and how to fix it."""
        from openpyxl.cell.cell import MergedCell  # noqa: PLC0415 - as above

        for number, column in self._layout.columns:
            faults = [fault for fault in row.errors if fault.field and blames(column, {fault.field})]
            cell: Any = self._sheet.cell(row.row.number, number)
            if not faults or isinstance(cell, MergedCell):
                continue  # only the first cell of merged ones can be marked
            cell.fill = self._faulty
            self._comment(cell, faults)

    def _comment(self, cell: Any, faults: Sequence[Fault]) -> None:
        from openpyxl.comments import Comment  # noqa: PLC0415 - as above

        # What the user has noted there stays, behind ours; what an earlier copy of ours said there goes.
        own = cell.comment.text if cell.comment is not None and cell.comment.author != NOTES_AUTHOR else ""
        text = "\n".join([note_on(faults, self._lang, self._names), *filter(None, [own])])
        cell.comment = Comment(_clean(text), NOTES_AUTHOR, height=note_height(text), width=NOTE_WIDTH)


def _widen(table: Any, end: str, headings: Sequence[str]) -> None:
    """Takes our columns into an Excel table; not when a heading would stand in it twice, which Excel calls damage."""
    from openpyxl.worksheet.table import TableColumn  # noqa: PLC0415 - as above

    names = {column.name.casefold() for column in table.tableColumns}
    if names & {name.casefold() for name in headings}:
        return
    first = max(column.id for column in table.tableColumns) + 1
    table.tableColumns += [TableColumn(id=first + index, name=name) for index, name in enumerate(headings)]
    table.ref = re.sub(r":[A-Z]+", f":{end}", table.ref)
    if table.autoFilter is not None:
        table.autoFilter.ref = re.sub(r":[A-Z]+", f":{end}", table.autoFilter.ref)


def _set_text(cell: Any, text: str) -> None:
    """A text that stays a text, also when somebody edits the cell."""
    cell.value = _clean(cut(text))
    cell.data_type = "s"
    cell.quotePrefix = True


def _dress(cell: Any, model: Any) -> None:
    """The look of the heading beside it."""
    if model.has_style:
        cell.font, cell.fill, cell.border = copy(model.font), copy(model.fill), copy(model.border)
        cell.alignment = copy(model.alignment)
    cell.number_format = "@" if is_date_format(model.number_format) else model.number_format


def _clean(text: str) -> str:
    """A text without what a workbook can't hold; such characters are shown as U+FFFD."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", "\ufffd", text)


def _rgb(colour: str) -> str:
    return f"FF{colour.removeprefix('#')}"
