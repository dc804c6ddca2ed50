"""Files beside the workbook for other programs: the results as CSV or Parquet, and a receivables import as CSV.

Owns what stands in them; how they are put in their places is for `place`.

**A text can't become a formula.** In a CSV file a text that begins with `=`, `+`, `-`, `@`, a tab, a carriage return or
a line feed (also behind blanks, also in full width) gets an apostrophe before it. A text that is nothing but a number
(`-12.50`, `+1,5`) keeps its form, so that amounts are not spoilt. Parquet has types and needs no such rule.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.errors import UsageError
from pipeline.domain.model import Column, Report, ReportRow, Status, kind_of
from pipeline.domain.session_states import paid, paid_amount
from pipeline.report.formatting import column_names
from pipeline.report.masking import account_columns, mask, mask_in
from pipeline.report.results import session_word
from pipeline.system import atomic_output
from schemas.faults import Fault, sentences
from schemas.fields import FILE_COLUMN, OWN_COLUMNS, ROW_COLUMN, RULES, STATE_COLUMNS, Field
from schemas.languages import Lang

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK: Final = 10_000
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")


def escape_formula(text: str) -> str:
    """`text` as it stands in a CSV file: with an apostrophe before it when a spreadsheet would read a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


# ---------------------------------------------------------------------------------------------------------------
# A place


def check_file(path: Path, option: str, others: Iterable[Path]) -> None:
    """Finds out, before the first request, that a file can be written to `path`, or beside what stands there.

    `others` are the places of the run's other files. Raises UsageError when the folder is missing or can't be
    written, and when `path` is a folder or one of the others.
    """
    told: dict[str, object] = {"path": path, "option": option}
    if not path.parent.is_dir():
        raise UsageError(
            "The folder {folder} for {option} does not exist. Create it, or choose another place.",
            folder=path.parent,
            **told,
        )
    if path.is_dir():
        raise UsageError("{path} is a folder. Give {option} a file name.", **told)
    if any(path.resolve() == other.resolve() for other in others):
        raise UsageError("This run already writes another file to {path}. Choose another place for {option}.", **told)
    try:
        atomic_output.try_out(path)
    except OSError as error:
        raise UsageError(
            "Can't write {path} ({reason}). Choose another place for {option}.", reason=error.strerror or error, **told
        ) from error


# ---------------------------------------------------------------------------------------------------------------
# The results as CSV


def write_csv(report: Report, rows: Iterable[ReportRow], path: Path, lang: Lang) -> None:
    """The columns of `Results`, in UTF-8 with commas: account numbers by their end only, amounts as plain decimals."""
    values = _Values(report, lang)
    with _writer(path) as out:
        out.writerow([escape_formula(heading) for heading in values.headings])
        for row in rows:
            out.writerow([escape_formula(text) for text in values.of(row)])


@contextmanager
def _writer(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> Iterator[Any]:
    with path.open("w", encoding=encoding, newline="", errors="replace") as file:
        yield csv.writer(file, delimiter=delimiter)


class _Values:
    """The texts of one row, column by column as on the sheet `Results`."""

    def __init__(self, report: Report, lang: Lang) -> None:
        self._width = len(report.columns)
        self._lang = lang
        self._names = column_names(report.columns, lang, letters=False)
        self._hidden = account_columns(report.columns)
        behind = STATE_COLUMNS if report.asked_at is not None else ()
        self.own = (*OWN_COLUMNS, *behind, FILE_COLUMN)
        self.headings = [ROW_COLUMN, *(column.heading for column in report.columns), *self.own]

    def of(self, row: ReportRow) -> list[str]:
        """`row`, the user's own cells, then ours."""
        ours = self.ours(row)
        return [str(row.row.number), *self.users(row), *(ours[name] for name in self.own)]

    def users(self, row: ReportRow) -> list[str]:
        """The user's cells, as many as there are columns."""
        hidden = self._hidden.hidden_in(row.row.cells)
        cells = [mask(text) if index in hidden else text for index, text in enumerate(row.row.cells)]
        return (cells + [""] * self._width)[: self._width]

    def ours(self, row: ReportRow) -> dict[str, str]:
        """Our own columns by their names."""
        return {
            "status": row.status.value,
            "sessionId": row.session_id,
            "launchUrl": row.launch_url,
            "errors": self._sentences(row.errors, row),
            "notices": self._sentences(row.notices, row),
            "referenceSent": row.reference_sent or "",
            "amountSent": "" if row.amount_sent is None else f"{row.amount_sent:.2f}",
            "attempts": str(row.attempts),
            "createdAt": row.created_at.isoformat(timespec="seconds") if row.created_at else "",
            FILE_COLUMN: row.file,
            **self._state(row),
        }

    def _state(self, row: ReportRow) -> dict[str, str]:
        """What became of a row's session, empty where the API was not asked."""
        state = row.state
        if not row.session_id or state is None:
            return dict.fromkeys(STATE_COLUMNS, "") | {"paid": paid(state).value if row.session_id else ""}
        amount = paid_amount(state, row.amount_sent)
        return {
            "sessionStatus": session_word(state, self._lang),
            "transactionStatus": ", ".join(state.transactions),
            "paid": paid(state).value,
            "paidAmount": "" if amount is None else f"{amount:.2f}",
            "statusAt": state.since.isoformat(timespec="seconds"),
        }

    def _sentences(self, faults: tuple[Fault, ...], row: ReportRow) -> str:
        return mask_in(sentences(faults, self._lang, self._names), row, self._hidden) if faults else ""


# ---------------------------------------------------------------------------------------------------------------
# The results as Parquet


def require_parquet() -> None:
    """Raises UsageError when Parquet can't be written on this machine."""
    if find_spec("pyarrow") is None:
        raise UsageError(
            "--parquet requires pyarrow, which is not installed. Install flinks-import[parquet], or use --csv."
        )


def write_parquet(report: Report, rows: Iterable[ReportRow], path: Path, lang: Lang) -> None:
    """The columns of `Results` with types: the user's are texts, `amountSent` is a decimal, `createdAt` a time.

    A heading that stands twice, or that is one of our own, gets a number: names in Parquet are unique. Memory does not
    grow with the rows.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, and slow to come

    values, schema = _Values(report, lang), _schema(report)
    stream = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        while chunk := list(islice(stream, _CHUNK)):
            out.write_table(_table(chunk, values, schema))


def _schema(report: Report) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - as above

    dollars, moment = pa.decimal128(18, 2), pa.timestamp("us", tz="UTC")
    typed = {"amountSent": dollars, "paidAmount": dollars, "createdAt": moment, "statusAt": moment}
    typed["attempts"] = pa.int64()
    fields = [(ROW_COLUMN, pa.int64())]
    fields += [(name, pa.string()) for name in _unique([column.heading for column in report.columns])]
    fields += [(name, typed.get(name, pa.string())) for name in _Values(report, "en").own]
    return pa.schema(fields, metadata={atomic_output.MARK.encode(): b"results", b"batch": report.batch.encode()})


def _table(chunk: Sequence[ReportRow], values: _Values, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - as above

    lines = [_typed(row, values) for row in chunk]
    return pa.Table.from_arrays(
        [pa.array(column, type=kind.type) for column, kind in zip(zip(*lines, strict=True), schema, strict=True)],
        schema=schema,
    )


def _typed(row: ReportRow, values: _Values) -> list[object]:
    texts, state = values.ours(row), row.state
    ours: dict[str, object] = {name: texts[name] or None for name in values.own}
    ours |= {"amountSent": row.amount_sent, "attempts": row.attempts, "createdAt": row.created_at}
    if "paidAmount" in ours:
        ours["paidAmount"] = Decimal(texts["paidAmount"]) if texts["paidAmount"] else None
        ours["statusAt"] = state.since if state and row.session_id else None
    # Half a surrogate pair, which a damaged workbook can hold, is no text that could be stored.
    cells = [text.encode("utf-8", "replace").decode() for text in values.users(row)]
    return [row.row.number, *cells, *ours.values()]


def _unique(headings: Sequence[str]) -> list[str]:
    taken, names = {ROW_COLUMN, *OWN_COLUMNS, *STATE_COLUMNS, FILE_COLUMN}, []
    for heading in headings:
        name, number = heading, 1
        while name in taken:
            number += 1
            name = f"{heading} ({number})"
        taken.add(name)
        names.append(name)
    return names


# ---------------------------------------------------------------------------------------------------------------
# Receivables


@dataclass(frozen=True, slots=True)
class Receivables:
    """What an accounts-receivable import is to hold: a mapping file, read and found to be right.

    `names` are the columns in their order; each has either its source in `sources` or its text in `constants`.
    `statuses` are those of the rows that are taken, None for every row that has a request.
    """

    names: tuple[str, ...]
    sources: Mapping[str, str]
    constants: Mapping[str, str]
    statuses: frozenset[Status] | None
    date_format: str = "%Y-%m-%d"
    decimal: str = "."
    delimiter: str = ","
    encoding: str = "utf-8"


_TABLES: Final = ("columns", "constants")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "decimal": (".", ","),
    "delimiter": (",", ";", "\t", "|"),
    "encoding": ("utf-8", "utf-8-sig", "cp1252"),
}
_KEYS: Final = (*_TABLES, *_CHOICES, "order", "statuses", "date_format")
_ABOUT_ALL: Final = ("batch", "file", "environment")
_DERIVED: Final = (ROW_COLUMN, *OWN_COLUMNS, *STATE_COLUMNS, *_ABOUT_ALL)


def load_receivables(path: Path, columns: Sequence[Column]) -> Receivables:
    """The mapping of a receivables import. `columns` are those of the sheet: each heading is a source too.

    [columns] source = "Name in the file"; [constants] "Name in the file" = "value"; order = ["Name", …];
    statuses = ["created", …]; date_format, decimal, delimiter, encoding. Raises UsageError that names every mistake.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            "Can't read the receivables mapping file {path} ({reason}). Check its name and folder.",
            path=path,
            reason=reason,
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "The receivables mapping file {path} is not valid TOML: {reason}. Correct it.", path=path, reason=error
        ) from None
    mistakes = list(_mistakes(table, columns))
    if mistakes:
        raise UsageError(
            "The receivables mapping file {path} has errors: {mistakes}. docs/files.md lists what it can contain.",
            path=path,
            mistakes="; ".join(mistakes),
        )
    sources = {name: source for source, name in table.get("columns", {}).items()}
    constants = table.get("constants", {})
    return Receivables(
        names=tuple(table.get("order", [*sources, *constants])),
        sources=sources,
        constants=constants,
        statuses=frozenset(map(Status, table["statuses"])) if "statuses" in table else None,
        **{key: table[key] for key in ("date_format", *_CHOICES) if key in table},
    )


def _mistakes(table: dict[str, Any], columns: Sequence[Column]) -> Iterator[str]:
    """Every mistake, in symbols that need no language."""
    yield from (f'"{key}"' for key in table if key not in _KEYS)
    known = {*Field, *_DERIVED, *(column.heading for column in columns)}
    names: list[str] = []
    for name in _TABLES:
        part = table.get(name, {})
        if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
            yield f"[{name}]"
            continue
        names += part.values() if name == "columns" else part
        if name == "columns":
            yield from (f'[columns] "{source}"' for source in part if source not in known)
    if not names:
        yield "[columns] = 0"
    yield from (f'2 x "{name}"' for name in dict.fromkeys(names) if names.count(name) > 1)
    yield from _setting_mistakes(table, names)


def _setting_mistakes(table: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    order, statuses = table.get("order", list(names)), table.get("statuses", [])
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(names):
        yield f"order = {sorted(names)}"
    if not isinstance(statuses, list) or not {*map(str, statuses)} <= {*Status}:
        yield f"statuses = {[status.value for status in Status]}"
    for key, choices in _CHOICES.items():
        if key in table and table[key] not in choices:
            yield f"{key} = {' | '.join(map(repr, choices))}"
    if table.get("delimiter", ",") == table.get("decimal", "."):
        yield "delimiter = decimal"
    if not isinstance(table.get("date_format", ""), str):
        yield 'date_format = "%Y-%m-%d"'


def write_receivables(report: Report, rows: Iterable[ReportRow], path: Path, mapping: Receivables) -> None:
    """One line for each row that the mapping takes, in the columns that it names."""
    filler = _Filler(report, mapping)
    with _writer(path, mapping.encoding, mapping.delimiter) as out:
        out.writerow([escape_formula(name) for name in mapping.names])
        for row in rows:
            if row.has_request if mapping.statuses is None else row.status in mapping.statuses:
                out.writerow([filler.text(name, row) for name in mapping.names])


@dataclass(slots=True)
class _Filler:
    """Fills the columns of a receivables import."""

    report: Report
    mapping: Receivables
    at: dict[str, int] = field(init=False)
    values: _Values = field(init=False)

    def __post_init__(self) -> None:
        self.at = {column.heading: column.index for column in self.report.columns}
        self.values = _Values(self.report, "en")

    def text(self, name: str, row: ReportRow) -> str:
        """The text of the column `name` for one row."""
        if name in self.mapping.constants:
            return escape_formula(self.mapping.constants[name])
        source = self.mapping.sources[name]
        match source:
            case Field.AMOUNT | "amountSent":
                return self._amount(row.amount_sent if row.amount_sent is not None else row.amount)
            case "createdAt":
                return escape_formula(self._day(row.created_at)) if row.created_at else ""
            case _ if source in RULES:
                return escape_formula(self._field(Field(source), row))
            case _ if source in _DERIVED:
                return escape_formula(self._derived(source, row))
            case _:
                return escape_formula(self._own(self.at[source], row))

    def _derived(self, source: str, row: ReportRow) -> str:
        report = self.report
        about_all = {"batch": report.batch, "file": row.file, "environment": report.environment}
        return {ROW_COLUMN: str(row.row.number), **self.values.ours(row), **about_all}[source]

    def _field(self, source: Field, row: ReportRow) -> str:
        """The cleaned content of a valid row, the user's own text of a faulty one."""
        payment = row.payment
        if payment is None:
            index = next((column.index for column in self.report.columns if column.field == source), None)
            return "" if index is None else self.values.users(row)[index]
        texts = {
            Field.REFERENCE_ID: payment.reference_id,
            Field.FIRST_NAME: payment.first_name,
            Field.MIDDLE_NAME: payment.middle_name,
            Field.LAST_NAME: payment.last_name,
            Field.EMAIL: payment.email,
            Field.CURRENCY: RULES[Field.CURRENCY].choices[0],
            Field.TYPE: RULES[Field.TYPE].choices[0],
            Field.DIRECTION: payment.direction,
            Field.SEND_INTERAC_LINK: str(payment.send_link).lower(),
            Field.INSTITUTION_CODE: payment.institution_code,
            Field.TRANSIT_NUMBER: payment.transit_number,
            Field.ACCOUNT_NUMBER: mask(payment.account_number),
        }
        return texts[source]

    def _own(self, index: int, row: ReportRow) -> str:
        """A cell of the user's; a date of the workbook's in the wanted form."""
        text = self.values.users(row)[index]
        if index < len(row.row.kinds) and kind_of(row.row.kinds[index]) == "d":
            try:
                return self._day(datetime.fromisoformat(text))
            except ValueError:
                return text
        return text

    def _day(self, moment: datetime) -> str:
        return moment.strftime(self.mapping.date_format)

    def _amount(self, amount: Decimal | None) -> str:
        return "" if amount is None else f"{amount:.2f}".replace(".", self.mapping.decimal)
