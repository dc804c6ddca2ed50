"""An empty billing sheet for those who have none: one column a field, and every limit said where it is typed.

All limits are those of `schemas.fields`. The sheet holds no example row, which somebody would send: examples stand on
the second sheet and in the notes.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from pipeline.messages import N_, translate
from pipeline.report.styles import FAINT, HEADING, INK, LINE, MONEY, PAPER, TEXT, Looks
from schemas.fields import ACCOUNT_FIELDS, DEFAULT_MAX_AMOUNT, FIELDS, INSTITUTIONS, LABELS, Field, FieldRule, Kind
from schemas.languages import Lang
from schemas.money import format_amount

_OPTIONS: Final = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
_LAST_ROW: Final = 1_048_575
_MOST_MESSAGE: Final = 255
"""Characters of an input message. Excel: `dataValidation`, attribute `prompt`."""

_OPTIONAL: Final = "#5B6B8C"
_HOW: Final = (
    N_("Fill in one row per payment in the sheet {sheet}. Dark headings are required, light ones are optional."),
    N_(
        "You can add your own columns at the right; the program returns them unchanged. "
        "You can delete columns that you do not need."
    ),
    N_("Save the file under the name of the month (billing-2026-11.xlsx): the batch takes this name."),
    N_(
        "Then flinks-import validate FILE shows every error and sends nothing; "
        "flinks-import run FILE sends the requests."
    ),
)
_HELP: Final = (N_("Column"), N_("Required?"), N_("Allowed content"), N_("Example"))
_WIDTHS: Final[dict[Field, float]] = {
    Field.REFERENCE_ID: 20,
    Field.FIRST_NAME: 18,
    Field.MIDDLE_NAME: 18,
    Field.LAST_NAME: 20,
    Field.EMAIL: 32,
    Field.AMOUNT: 14,
    Field.SEND_INTERAC_LINK: 22,
    Field.ACCOUNT_NUMBER: 24,
}
_WIDTH: Final = 17.0
_LIMITS_WIDTH: Final = 88
"""Characters of the widest column of the help."""


def template(lang: Lang) -> bytes:
    """The workbook, as the bytes of an .xlsx file."""
    stream = BytesIO()
    book: Any = xlsxwriter.Workbook(stream, _OPTIONS)
    _Template(book, lang).write()
    book.close()
    return stream.getvalue()


def heading(field: Field, lang: Lang) -> str:
    """The heading of a field's column; `run` knows each again."""
    label = LABELS[lang][field]
    return label[0].upper() + label[1:]


class _Template:
    """Writes both sheets: the one that is filled in, and the help beside it."""

    def __init__(self, book: Any, lang: Lang) -> None:
        self._book = book
        self._lang = lang
        self._looks = Looks(book)
        self._sheet = book.add_worksheet(translate("Billing", lang))
        self._help = book.add_worksheet(translate("Help", lang))
        self._institutions = ""

    def write(self) -> None:
        """All of the workbook."""
        self._book.set_properties({"title": self._say(N_("Billing sheet")), "author": "flinks-import"})
        self._write_help()
        for index, rule in enumerate(FIELDS):
            self._column(index, rule)
        self._sheet.set_row(0, 32)
        self._sheet.freeze_panes(1, 0)
        letters = f"A1:{xl_col_to_name(len(FIELDS) - 1)}{_LAST_ROW + 1}"
        # Identifiers are text on purpose; green corners would ask to make numbers of them.
        self._sheet.ignore_errors({"number_stored_as_text": letters})
        self._sheet.set_comments_author("flinks-import")
        for sheet in (self._sheet, self._help):
            sheet.set_landscape()
            sheet.set_paper(1)
            sheet.fit_to_pages(1, 0)
            sheet.set_footer("&L&A&R&P / &N")
        self._sheet.repeat_rows(0)
        self._sheet.activate()

    def _say(self, text: str, **params: object) -> str:
        return translate(text, self._lang, **params)

    # The sheet that is filled in

    def _column(self, index: int, rule: FieldRule) -> None:
        name = heading(rule.field, self._lang)
        number_format = MONEY if rule.kind is Kind.AMOUNT else TEXT
        width = max(_WIDTHS.get(rule.field, _WIDTH), len(name) + 4)
        self._sheet.set_column(index, index, width, self._looks.of(num_format=number_format, locked=False))
        colour = INK if rule.required else _OPTIONAL
        self._sheet.write_string(0, index, name, self._looks.of(**{**HEADING, "bg_color": colour}))
        note = f"{self._need(rule)} {self._limits(rule)}\n{self._example(rule)}"
        self._sheet.write_comment(0, index, note, {"x_scale": 2, "y_scale": 1.2, "font_size": 9})
        self._sheet.data_validation(1, index, _LAST_ROW, index, self._validation(rule, name))

    def _validation(self, rule: FieldRule, name: str) -> dict[str, object]:
        """What may be typed below a heading, and what is said beside the cell meanwhile."""
        message = f"{self._limits(rule)} {self._example(rule)}"
        assert len(message) <= _MOST_MESSAGE
        told: dict[str, object] = {
            "input_title": name[:32],
            "input_message": message,
            "error_title": name[:32],
            "error_message": self._limits(rule)[:_MOST_MESSAGE],
        }
        return told | self._rule(rule)

    def _rule(self, rule: FieldRule) -> dict[str, object]:
        match rule.kind:
            case Kind.AMOUNT:
                between = {"minimum": 0.01, "maximum": float(DEFAULT_MAX_AMOUNT)}
                return {"validate": "decimal", "criteria": "between", **between}
            case Kind.CHOICE:
                # The other values are another product and another direction: a fault in most sheets, so not offered.
                return {"validate": "list", "source": [rule.choices[0]], "error_type": "warning"}
            case Kind.YES_NO:
                return {"validate": "list", "source": [self._say(N_("yes")), self._say(N_("no"))]}
            case Kind.DIGITS if rule.field is Field.INSTITUTION_CODE:
                # Other codes exist: the list helps and refuses nothing.
                return {"validate": "list", "source": self._institutions, "error_type": "information"}
            case _:
                lengths = {"minimum": max(rule.min_length, 1), "maximum": rule.max_length}
                return {"validate": "length", "criteria": "between", **lengths}

    def _need(self, rule: FieldRule) -> str:
        if rule.field in ACCOUNT_FIELDS:
            return self._say(N_("All three account columns, or none."))
        return self._say(N_("Required.") if rule.required else N_("Optional."))

    def _limits(self, rule: FieldRule) -> str:
        """What a cell may hold, in a sentence."""
        match rule.kind:
            case Kind.AMOUNT:
                return self._say(
                    N_("Dollars, with at most two decimals, above 0 and up to {limit}."),
                    limit=format_amount(DEFAULT_MAX_AMOUNT, self._lang),
                )
            case Kind.CHOICE:
                return self._say(N_("{choice}, or empty for the same."), choice=rule.choices[0])
            case Kind.YES_NO:
                return self._say(
                    N_(
                        "Does Interac e-mail the payment link to the payor? {yes} or {no}; empty: the "
                        "default of your settings."
                    ),
                    yes=self._say(N_("yes")),
                    no=self._say(N_("no")),
                )
            case Kind.DIGITS if rule.min_length == rule.max_length:
                return self._say(N_("Exactly {count} digits, with leading zeros."), count=rule.max_length)
            case Kind.DIGITS:
                return self._say(
                    N_("{least} to {most} digits, with leading zeros."), least=rule.min_length, most=rule.max_length
                )
            case Kind.NAME:
                return self._say(
                    N_("As on the payor's bank account, with accents; at most {count} characters."),
                    count=rule.max_length,
                )
            case _:
                return self._say(N_("At most {count} characters."), count=rule.max_length)

    def _example(self, rule: FieldRule) -> str:
        return self._say(N_("Example: {example}"), example=self._example_value(rule))

    def _example_value(self, rule: FieldRule) -> str:
        return self._say(N_("yes")) if rule.kind is Kind.YES_NO else rule.example

    # The help

    def _write_help(self) -> None:
        sheet = self._help
        for index, width in enumerate((30, 38, _LIMITS_WIDTH, 20, 3, 10, 36)):
            sheet.set_column(index, index, width)
        sheet.set_row(0, 30)
        title = self._looks.of(bold=True, font_size=18, font_color=INK)
        sheet.write_string(0, 0, self._say(N_("Billing sheet")), title)
        plain = self._looks.of(font_color=INK)
        for number, text in enumerate(_HOW, 1):
            sheet.write_string(number, 0, self._say(text, sheet=self._say(N_("Billing"))), plain)
        self._help_table(6)
        self._institution_table(6)
        sheet.hide_gridlines(2)
        sheet.freeze_panes(1, 0)

    def _help_table(self, top: int) -> None:
        look = self._looks.of(**HEADING)
        for index, text in enumerate(_HELP):
            self._help.write_string(top, index, self._say(text), look)
        line: dict[str, object] = {"border": 1, "border_color": LINE}
        cell, wrapped = self._looks.of(num_format=TEXT, **line), self._looks.of(text_wrap=True, **line)
        for number, rule in enumerate(FIELDS, top + 1):
            colour = INK if rule.required else _OPTIONAL
            strong = self._looks.of(bold=True, font_color=PAPER, bg_color=colour, **line)
            self._help.write_string(number, 0, heading(rule.field, self._lang), strong)
            self._help.write_string(number, 1, self._need(rule), wrapped)
            self._help.write_string(number, 2, limits := self._limits(rule), wrapped)
            if len(limits) > _LIMITS_WIDTH:  # not every spreadsheet finds the height by itself
                self._help.set_row(number, 31)
            self._help.write_string(number, 3, self._example_value(rule), cell)

    def _institution_table(self, top: int) -> None:
        """The known institutions; the drop-down shows the codes, since only they are to stand in the sheet."""
        look = self._looks.of(**HEADING)
        self._help.write_string(top, 5, self._say(N_("Code")), look)
        self._help.write_string(top, 6, self._say(N_("Known institution")), look)
        line: dict[str, object] = {"border": 1, "border_color": LINE}
        cell = self._looks.of(num_format=TEXT, **line)
        code = self._looks.of(num_format=TEXT, bold=True, bg_color=FAINT, **line)
        for number, (digits, name) in enumerate(INSTITUTIONS.items(), top + 1):
            self._help.write_string(number, 5, digits, code)
            self._help.write_string(number, 6, name, cell)
        last = top + 1 + len(INSTITUTIONS)
        self._help.ignore_errors({"number_stored_as_text": f"A1:G{last}"})
        sheet = self._say(N_("Help"))
        self._institutions = f"='{sheet}'!$F${top + 2}:$F${last}"
