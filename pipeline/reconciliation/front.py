"""The sheets `Proof` and `Deposits`: every figure as a formula over the other sheets, and as it was computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from xlsxwriter.utility import xl_col_to_name

from pipeline.domain.model import Status
from pipeline.messages import N_, translate
from pipeline.reconciliation.balance import CATEGORY_OF, WITHOUT_DAY, Balance, Deposit, Doubts, Pile, Sum
from pipeline.reconciliation.daily_reports import Daily, Damaged, Remark
from pipeline.reconciliation.matching import Match, MatchCategory
from pipeline.reconciliation.payments import CAD, ReportedPayment, ReportLine
from pipeline.reconciliation.sentences import KINDS, MEANINGS, NEXT_STEPS
from pipeline.report.cells import cut
from pipeline.report.formatting import zone
from pipeline.report.styles import DAY, FAINT, FAULTY, GREY, HEADING, INK, LINE, MONEY, STATUS_COLOURS, TEXT, Looks
from schemas.languages import Lang
from schemas.money import format_amount

_PROOF_WIDTHS: Final = (36, 64, 10, 16, 16, 16, 16, 16, 10)
_DEPOSIT_WIDTHS: Final = (24, 11, 12, 18, 18, 18, 18, 11, 26)
_LINE_HEIGHT: Final = 15.5  # points
_WIDE_LETTERS: Final = 0.9
_GOOD: Final = STATUS_COLOURS[Status.CREATED]
_HALF: Final = STATUS_COLOURS[Status.HELD]
_BAD: Final = STATUS_COLOURS[Status.INVALID]
_MISSING: Final = {"border": 1, "border_color": LINE, "align": "left", "bg_color": FAULTY, "font_color": _BAD[1]}
_MOST_LISTED: Final = 50
"""Folded lines that are listed; each is also beside its payment, in the column of other lines."""


@dataclass(frozen=True, slots=True)
class ResolvedRow:
    """A row whose outcome was unknown and which a report names."""

    row: int
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Story:
    """What is said beside the figures. `confirmed` counts the proposals that a person confirmed just now.

    `other_session` says that a payment was matched though its session is not the request's; `other_lines` are those of
    a bank statement that concern no request; `folded` are lines that count once with a line of another file, and that.
    """

    batch: str
    environment: str
    reports: Sequence[Daily]
    damaged: Sequence[Damaged]
    remarks: Sequence[Remark]
    disagrees: Sequence[Remark]
    resolved: Sequence[ResolvedRow]
    doubts: Doubts = Doubts()
    other_lines: Sequence[ReportedPayment] = ()
    folded: Sequence[tuple[ReportLine, ReportLine]] = ()
    confirmed: int = 0
    who: str = ""
    other_session: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet of entries as formulas see it: its name, the keys of its columns, how many rows it has."""

    name: str
    columns: Sequence[str]
    rows: int

    def has(self, *keys: str) -> bool:
        """Whether it has all of these columns."""
        return set(keys) <= set(self.columns)

    def cells(self, key: str) -> str:
        """The cells of a column below its heading."""
        letters = xl_col_to_name(self.columns.index(key))
        return f"'{self.name}'!${letters}$2:${letters}${max(self.rows, 1) + 1}"


class _Sheet:
    """An ordinary sheet that is written from the top downwards."""

    def __init__(
        self, sheet: Any, looks: Looks, lang: Lang, pages: Mapping[MatchCategory, Page], widths: Sequence[int]
    ) -> None:
        self._sheet = sheet
        self._looks = looks
        self._lang = lang
        self._pages = pages
        self._widths = widths
        self._row = 0
        box = {"border": 1, "border_color": LINE}
        strong = {**box, "bold": True, "bg_color": FAINT}
        self._label = looks.of(bold=True, font_color=INK)
        self._text = looks.of(text_wrap=True, num_format=TEXT, quote_prefix=True)
        self._heading = looks.of(**HEADING)
        self._cell = looks.of(text_wrap=True, **box)
        self._count = looks.of(num_format="#,##0", **box)
        self._money = looks.of(num_format=MONEY, **box)
        # What did not occur: a proof names it, and the eye passes over it.
        self._faint = looks.of(text_wrap=True, font_color=GREY, **box)
        self._faint_count = looks.of(num_format="#,##0", font_color=GREY, **box)
        self._faint_money = looks.of(num_format=MONEY, font_color=GREY, **box)
        self._verdict = looks.of(align="center", **box)
        self._strong = looks.of(**{**strong, "text_wrap": True})
        self._strong_count = looks.of(num_format="#,##0", **strong)
        self._strong_money = looks.of(num_format=MONEY, **strong)
        self._strong_verdict = looks.of(align="center", **strong)
        for index, width in enumerate(widths):
            sheet.set_column(index, index, width)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(1)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&R&P / &N")

    @property
    def _last(self) -> int:
        return len(self._widths) - 1

    def _say(self, name: str, **params: object) -> str:
        return translate(name, self._lang, **params)

    def _title(self, text: str) -> None:
        self._sheet.set_row(0, 30)
        self._sheet.write_string(0, 0, text, self._looks.of(bold=True, font_size=18, font_color=INK))
        self._row = 2

    def _headings(self, *names: str) -> None:
        for index, name in enumerate(names):
            self._sheet.write_string(self._row, index, self._say(name), self._heading)
        longest = max(len(self._say(name)) / self._widths[index] for index, name in enumerate(names))
        self._sheet.set_row(self._row, _LINE_HEIGHT * (1 + int(longest * 1.1)))
        self._row += 1

    def _number(self, column: int, formula: str, value: Decimal | int, look: Any) -> None:
        """A figure by its formula, with the computed value as what is shown before anything is calculated again."""
        self._sheet.write_formula(self._row, column, f"={formula}", look, value)

    def _check(self, column: int, condition: str, agrees: bool, look: Any) -> None:
        words = self._say(N_("yes")), self._say(N_("NO"))
        self._sheet.write_formula(
            self._row, column, f'=IF({condition},"{words[0]}","{words[1]}")', look, words[0] if agrees else words[1]
        )

    def _colour_checks(self, column: int, first: int) -> None:
        for word, (fill, ink) in ((self._say(N_("yes")), _GOOD), (self._say(N_("NO")), _BAD)):
            look = self._looks.book.add_format({"bg_color": fill, "font_color": ink, "bold": True})
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": look}
            self._sheet.conditional_format(first, column, self._row, column, rule)

    def _merged(self, text: str, look: Any, first: int = 0, least: int = 1) -> None:
        """A sentence over the columns from `first`; merged cells never grow by themselves."""
        self._sheet.merge_range(self._row, first, self._row, self._last, "", look)
        self._sheet.write_string(self._row, first, cut(text), look)
        width = sum(self._widths[first:])
        lines = sum(1 + int(len(part) / width * _WIDE_LETTERS) for part in text.splitlines() or [""])
        self._sheet.set_row(self._row, _LINE_HEIGHT * max(lines, least))
        self._row += 1

    def _list(self, name: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        self._merged(self._say(name), self._heading)
        for line in lines:
            self._merged(line, self._text)
        self._row += 1


class ProofPage(_Sheet):
    """Writes `Proof`."""

    def __init__(self, sheet: Any, looks: Looks, lang: Lang, pages: Mapping[MatchCategory, Page]) -> None:
        super().__init__(sheet, looks, lang, pages, _PROOF_WIDTHS)

    def write(self, story: Story, balance: Balance, matches: Sequence[Match]) -> None:
        """All of the sheet."""
        self._title(self._say(N_("Reconciliation")))
        self._say_verdict(balance, story.doubts, matches)
        self._table(balance)
        self._list(N_("What to do next"), self._next_steps(story, balance))
        self._list(N_("Unknown outcomes that a report resolved"), [self._resolved(one) for one in story.resolved])
        if story.confirmed:
            self._list(
                N_("Confirmed proposals"),
                [
                    self._say(
                        N_("Proposals confirmed by {who}: {count}. The journal keeps who confirmed them and when."),
                        count=story.confirmed,
                        who=story.who,
                    )
                ],
            )
        self._list(
            N_("Report totals that do not agree"), [remark.in_language(self._lang) for remark in story.disagrees]
        )
        if story.damaged:
            self._list(
                N_("Damaged lines"),
                [
                    self._say(
                        N_(
                            "Lines that can't be read as payments and are not counted: {count}. See the "
                            "sheet Damaged lines."
                        ),
                        count=len(story.damaged),
                    )
                ],
            )
        self._list(
            N_("Lines counted once with an equal line of another report"),
            [
                self._say(
                    N_("{file}, line {line}: same payment as line {same_line} of {same_file}."), **folded_words(one)
                )
                for one in story.folded[:_MOST_LISTED]
            ],
        )
        if story.other_lines:
            self._list(N_("Bank statement"), [other_lines(story.other_lines, self._lang)])
        self._list(N_("About the reports"), [remark.in_language(self._lang) for remark in story.remarks])
        self._facts(story)
        self._sheet.freeze_panes(1, 0)

    def _resolved(self, one: ResolvedRow) -> str:
        return self._say(
            N_(
                "The request of row {row} exists: line {line} of {file} names it. The journal "
                "keeps this evidence. The row is not sent again."
            ),
            row=one.row or "-",
            file=one.file,
            line=one.line,
        )

    def _facts(self, story: Story) -> None:
        self._fact(self._say(N_("Batch")), story.batch)
        self._fact(self._say(N_("Environment")), story.environment)
        self._fact(translate("Time zone", self._lang), zone())
        for number, report in enumerate(story.reports, 1):
            label = (
                self._say(N_("Report")) if len(story.reports) == 1 else self._say(N_("Report {number}"), number=number)
            )
            lines = self._say(N_("lines: {count}, SHA-256 {sha256}"), count=len(report.lines), sha256=report.sha256)
            self._fact(label, f"{report.file}   {lines}")
        self._row += 1

    def _fact(self, label: str, text: str) -> None:
        self._sheet.write_string(self._row, 0, label, self._label)
        self._merged(text, self._text, first=1)

    def _say_verdict(self, balance: Balance, doubts: Doubts, matches: Sequence[Match]) -> None:
        verdict = verdict_of(balance, doubts, matches)
        fill, ink = _COLOURS[verdict]
        look = self._looks.of(bold=True, font_size=13, font_color=ink, bg_color=fill, text_wrap=True, valign="vcenter")
        self._merged(" ".join(headline(balance, doubts, matches, self._lang)), look, least=2)
        self._row += 1

    def _table(self, balance: Balance) -> None:
        self._headings(
            N_("Category"),
            N_("Meaning"),
            N_("Count"),
            N_("Requested (CAD)"),
            N_("Paid (CAD)"),
            N_("Difference"),
            N_("Requested, computed"),
            N_("Paid, computed"),
            N_("Agrees"),
        )
        opening = self._row
        self._outer(
            N_("Opening total"), N_("What the batch requested, according to the journal."), asked=balance.opening
        )
        first = self._row
        for pile in Pile:
            self._pile(pile, balance.sums[pile])
        self._sum(first, balance)
        self._outer(
            N_("Closing total"), N_("What was paid according to the reports, each payment once."), paid=balance.closing
        )
        self._gap(opening, balance)
        self._colour_checks(self._last, first)
        self._row += 2

    def _outer(self, name: str, meaning: str, *, asked: Decimal | None = None, paid: Decimal | None = None) -> None:
        """The opening or the closing total: counted from the journal, or from the lines before any was matched."""
        self._sheet.write_string(self._row, 0, self._say(name), self._strong)
        self._sheet.write_string(self._row, 1, self._say(meaning), self._strong)
        for column in range(2, self._last + 1):
            self._sheet.write_blank(self._row, column, None, self._strong)
        for column, amount in ((3, asked), (4, paid)):
            if amount is not None:
                self._sheet.write_number(self._row, column, float(amount), self._strong_money)
        self._row += 1

    def _pile(self, pile: Pile, sums: Sum) -> None:
        page = self._pages[CATEGORY_OF[pile]]
        word = self._say(KINDS[pile])
        name = self._say(N_("{sheet}: {kind}"), sheet=page.name, kind=word) if page.has("kind") else page.name
        text, count, money = (
            (self._cell, self._count, self._money)
            if sums.entries
            else (self._faint, self._faint_count, self._faint_money)
        )
        self._sheet.write_string(self._row, 0, name, text)
        meaning = self._say(MEANINGS[pile])
        self._sheet.write_string(self._row, 1, meaning, text)
        longest = max(len(name) / self._widths[0], len(meaning) / self._widths[1])
        self._sheet.set_row(self._row, _LINE_HEIGHT * (1 + int(longest * _WIDE_LETTERS)))
        self._number(2, _entries(page, word), sums.entries, count)
        self._number(3, _total(page, "asked", word), sums.asked, money)
        self._number(4, _total(page, "paid", word), sums.paid, money)
        at = self._row + 1
        self._number(5, f"E{at}-D{at}", sums.difference, money)
        self._computed(sums.asked, sums.paid, money)
        condition = f"AND(ROUND(D{at}-G{at},2)=0,ROUND(E{at}-H{at},2)=0)"
        self._check(8, condition, agrees=True, look=self._verdict)
        self._row += 1

    def _computed(self, asked: Decimal, paid: Decimal, look: Any) -> None:
        self._sheet.write_number(self._row, 6, float(asked), look)
        self._sheet.write_number(self._row, 7, float(paid), look)

    def _sum(self, first: int, balance: Balance) -> None:
        """All lines together, held against both totals."""
        total, last = balance.total, self._row
        self._sheet.write_string(self._row, 0, self._say(N_("All lines above")), self._strong)
        self._sheet.write_string(
            self._row,
            1,
            self._say(N_("Compared with the opening and closing totals, which are computed separately.")),
            self._strong,
        )
        self._sheet.set_row(self._row, _LINE_HEIGHT * 2)
        figures: tuple[Decimal | int, ...] = (total.entries, total.asked, total.paid, total.difference)
        for column, value in enumerate(figures, 2):
            letter = xl_col_to_name(column)
            look = self._strong_count if column == 2 else self._strong_money  # noqa: PLR2004  the column of counts
            self._number(column, f"SUM({letter}{first + 1}:{letter}{last})", value, look)
        self._computed(balance.opening, balance.closing, self._strong_money)
        at = self._row + 1
        condition = f"AND(ROUND(D{at}-G{at},2)=0,ROUND(E{at}-H{at},2)=0)"
        self._check(8, condition, agrees=balance.adds_up, look=self._strong_verdict)
        self._row += 1

    def _gap(self, opening: int, balance: Balance) -> None:
        """Opening total and differences, less the closing total: nothing must be left."""
        sums, closing = self._row - 1, self._row
        self._sheet.write_string(self._row, 0, self._say(N_("Do the totals agree?")), self._strong)
        self._sheet.write_string(
            self._row, 1, self._say(N_("Opening total + difference - closing total: must be 0.00.")), self._strong
        )
        for column in range(2, self._last):
            self._sheet.write_blank(self._row, column, None, self._strong)
        self._number(5, f"ROUND(D{opening + 1}+F{sums}-E{closing},2)", balance.gap, self._strong_money)
        self._check(8, f"F{self._row + 1}=0", agrees=balance.gap == 0, look=self._strong_verdict)

    def _next_steps(self, story: Story, balance: Balance) -> Sequence[str]:
        piles = [pile for pile in NEXT_STEPS if balance.sums[pile].entries]
        steps = [self._step(CATEGORY_OF[pile], self._say(NEXT_STEPS[pile])) for pile in piles]
        if story.other_session:
            step = self._say(
                N_(
                    "some belong to another request than the one created: look for them in the "
                    "dashboard by their reference."
                )
            )
            steps.insert(0, self._step(MatchCategory.MATCHED, step))
        return list(dict.fromkeys(steps))

    def _step(self, category: MatchCategory, step: str) -> str:
        return self._say(N_("{sheet}: {step}"), sheet=self._pages[category].name, step=step)


class DepositPage(_Sheet):
    """Writes `Deposits`: a day's payments arrive as one consolidated deposit (API notes, "Reports")."""

    def __init__(self, sheet: Any, looks: Looks, lang: Lang, pages: Mapping[MatchCategory, Page]) -> None:
        super().__init__(sheet, looks, lang, pages, _DEPOSIT_WIDTHS)

    def write(self, deposits: Sequence[Deposit], balance: Balance) -> None:
        """All of the sheet."""
        self._title(self._say(N_("Deposits")))
        self._row = 1
        self._merged(
            self._say(
                N_(
                    "The payments of a day arrive as one deposit, with those of other batches. Tick "
                    "each deposit on the bank statement."
                )
            ),
            self._text,
        )
        self._row += 1
        self._headings(
            N_("Settled on"),
            N_("Currency"),
            N_("Payments"),
            N_("Deposit"),
            N_("Of this batch"),
            N_("Not of this batch"),
            N_("Computed"),
            N_("Agrees"),
            N_("On the bank statement"),
        )
        first = self._row
        for deposit in deposits:
            self._deposit(deposit)
        self._total(first, deposits, balance)
        self._colour_checks(7, first)
        self._sheet.freeze_panes(first, 1)
        self._sheet.repeat_rows(first - 1)

    def _deposit(self, deposit: Deposit) -> None:
        look_of_day = self._looks.of(num_format=DAY, border=1, border_color=LINE, align="left")
        if deposit.day in WITHOUT_DAY:
            self._sheet.write_string(self._row, 0, self._say(WITHOUT_DAY[deposit.day]), self._cell)
        else:
            self._sheet.write_datetime(self._row, 0, _midnight(deposit.day), look_of_day)
        self._sheet.write_string(self._row, 1, deposit.currency, self._cell)
        ours = [page for category, page in self._pages.items() if category is not MatchCategory.IN_REPORT_ONLY]
        others = [self._pages[MatchCategory.IN_REPORT_ONLY]]
        at = self._row + 1
        if deposit.day or deposit.currency == CAD:
            self._number(2, self._counted([*ours, *others], at, deposit), deposit.payments, self._count)
            self._number(4, self._summed(ours, at, deposit), deposit.ours, self._money)
            self._number(5, self._summed(others, at, deposit), deposit.amount - deposit.ours, self._money)
        else:
            # The sheets do not tell which foreign amounts without a day were paid.
            self._sheet.write_number(self._row, 2, deposit.payments, self._count)
            self._sheet.write_number(self._row, 4, float(deposit.ours), self._money)
            self._sheet.write_number(self._row, 5, float(deposit.amount - deposit.ours), self._money)
        self._number(3, f"E{at}+F{at}", deposit.amount, self._money)
        self._sheet.write_number(self._row, 6, float(deposit.amount), self._money)
        self._check(7, f"ROUND(D{at}-G{at},2)=0", agrees=True, look=self._verdict)
        tick = self._looks.of(border=1, border_color=LINE, align="left", font_color=INK)
        if deposit.booked is not None:
            booked = self._say(
                N_("{day}, {file} line {line}"),
                file=deposit.booked.file,
                line=deposit.booked.number,
                day=deposit.booked.bank_day,
            )
            self._sheet.write_string(self._row, 8, booked, tick)
        elif deposit.ticked_at is not None:
            told = self._say(N_("☑ {who}, {day}"), who=deposit.ticked_by, day=f"{deposit.ticked_at:%Y-%m-%d}")
            self._sheet.write_string(self._row, 8, told, tick)
        elif deposit.is_missing:
            self._sheet.write_string(self._row, 8, self._say(N_("MISSING")), self._looks.of(**_MISSING))
        elif deposit.day not in WITHOUT_DAY:
            self._sheet.write_string(self._row, 8, self._say(N_("☐")), tick)
        else:
            self._sheet.write_blank(self._row, 8, None, tick)
        self._row += 1

    def _counted(self, pages: Sequence[Page], at: int, deposit: Deposit) -> str:
        parts = [
            f"COUNTIFS({_conditions(page, at, deposit)})"
            if deposit.day
            else f"COUNT({page.cells('paid')})-COUNTIFS({_settled(page)})"
            for page in pages
            if _can_tell(page, deposit)
        ]
        return "+".join(parts) or "0"

    def _summed(self, pages: Sequence[Page], at: int, deposit: Deposit) -> str:
        amount = "paid" if deposit.currency == CAD else "reportedAmount"
        parts = [
            f"SUMIFS({page.cells(amount)},{_conditions(page, at, deposit)})"
            if deposit.day
            else f"SUM({page.cells(amount)})-SUMIFS({page.cells(amount)},{_settled(page)})"
            for page in pages
            if _can_tell(page, deposit)
        ]
        return "+".join(parts) or "0"

    def _total(self, first: int, deposits: Sequence[Deposit], balance: Balance) -> None:
        """All payments in Canadian dollars, held against the closing total of the proof."""
        inside = [deposit for deposit in deposits if deposit.currency == CAD]
        self._sheet.write_string(self._row, 0, self._say(N_("All payments")), self._strong)
        self._sheet.write_string(self._row, 1, CAD, self._strong)
        last, at = max(self._row, first + 1), self._row + 1
        figures: tuple[Decimal | int, ...] = (
            sum(deposit.payments for deposit in inside),
            sum((deposit.amount for deposit in inside), Decimal(0)),
            sum((deposit.ours for deposit in inside), Decimal(0)),
            sum((deposit.amount - deposit.ours for deposit in inside), Decimal(0)),
        )
        for column, value in enumerate(figures, 2):
            letter = xl_col_to_name(column)
            look = self._strong_count if column == 2 else self._strong_money  # noqa: PLR2004  the column of counts
            formula = f'SUMIFS({letter}{first + 1}:{letter}{last},$B{first + 1}:$B{last},"{CAD}")' if deposits else "0"
            self._number(column, formula, value, look)
        self._sheet.write_number(self._row, 6, float(balance.closing), self._strong_money)
        agrees = figures[1] == balance.closing
        self._check(7, f"ROUND(D{at}-G{at},2)=0", agrees=agrees, look=self._strong_verdict)
        self._sheet.write_blank(self._row, 8, None, self._strong)


class Verdict(StrEnum):
    """The worst that is to be said of a proof."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


_COLOURS: Final = {Verdict.GREEN: _GOOD, Verdict.AMBER: _HALF, Verdict.RED: (FAULTY, _BAD[1])}


def verdict_of(balance: Balance, doubts: Doubts, matches: Sequence[Match]) -> Verdict:
    """Green only when every line was read and everything is explained."""
    if not balance.adds_up:
        return Verdict.RED
    return Verdict.AMBER if doubts.exist or any(match.must_be_looked_at for match in matches) else Verdict.GREEN


def headline(balance: Balance, doubts: Doubts, matches: Sequence[Match], lang: Lang) -> list[str]:
    """The proof in a few sentences: what the reports come to, and all that keeps it from being the whole truth."""
    told = {
        "opening": format_amount(balance.opening, lang),
        "closing": format_amount(balance.closing, lang),
        "difference": format_amount(balance.total.difference, lang),
    }
    if not balance.adds_up:
        asked, paid = balance.opening - balance.total.asked, balance.closing - balance.total.paid
        told |= {"asked": format_amount(asked, lang), "paid": format_amount(paid, lang)}
        return [
            translate(
                "THE TOTALS DO NOT AGREE: {opening} requested, {difference} in differences "
                "(below), {closing} paid. No line below explains {asked} of what was requested "
                "and {paid} of what was paid.",
                lang,
                **told,
            )
        ]
    verdict = verdict_of(balance, doubts, matches)
    sentences = [
        translate(
            N_(
                "Every line was read and the totals agree: {opening} requested, {difference} in "
                "differences (below), {closing} paid."
            )
            if verdict is Verdict.GREEN
            else N_(
                "The totals of the lines that were read agree: {opening} requested, {difference} "
                "in differences (below), {closing} paid."
            ),
            lang,
            **told,
        )
    ]
    looked_at = [match for match in matches if match.must_be_looked_at]
    if looked_at:
        sentences.append(translate("To review: {count}.", lang, count=len(looked_at)))
    for doubt, amount in (
        (N_("Unreadable lines, not counted: {count} ({amount})."), doubts.damaged),
        (N_("Lines without a status, or with an unknown one: {count} ({amount})."), doubts.words),
        (N_("Deposits missing from the bank statement of their day: {count} ({amount})."), doubts.deposits),
        (
            N_(
                "Lines counted once with an equal line of another report, without an id that "
                "proves it: {count} ({amount})."
            ),
            doubts.folded,
        ),
    ):
        if amount.lines:
            sentences.append(translate(doubt, lang, count=amount.lines, amount=format_amount(amount.dollars, lang)))
        if amount.lines and amount.unread:
            sentences.append(translate("Of which without a readable amount: {count}.", lang, count=amount.unread))
    if doubts.totals:
        sentences.append(
            translate("Report totals that do not agree with their lines: {count}.", lang, count=doubts.totals)
        )
    return sentences


def other_lines(payments: Sequence[ReportedPayment], lang: Lang) -> str:
    """The bookings of a bank statement that concern no request, in one sentence."""
    came, went = (
        format_amount(sum((abs(one.paid) for one in payments if (one.paid > 0) is is_in), Decimal(0)), lang)
        for is_in in (True, False)
    )
    return translate(
        "Lines of the bank statement that record a deposit or payment already reported, "
        "or do not concern the batch: {count} ({came} in, {went} out). They are not "
        "counted. The sheet Other bank lines lists them.",
        lang,
        count=len(payments),
        came=came,
        went=went,
    )


def folded_words(folded: tuple[ReportLine, ReportLine]) -> dict[str, object]:
    """What fills the sentence about a line that counts once with another."""
    line, same = folded
    return {"file": line.file, "line": line.number, "same_file": same.file, "same_line": same.number}


def _can_tell(page: Page, deposit: Deposit) -> bool:
    """Whether a sheet may have payments of this currency."""
    return page.has("deposited", "paid") if deposit.currency == CAD else page.has("deposited", "currency")


def _conditions(page: Page, at: int, deposit: Deposit) -> str:
    """Which rows of a sheet came with the deposit on row `at`."""
    day = f"{page.cells('deposited')},$A{at}"
    if deposit.currency != CAD:
        return f"{day},{page.cells('currency')},$B{at}"
    return f'{day},{page.cells("paid")},"<>"'


def _settled(page: Page) -> str:
    """Which rows of a sheet came with any deposit. "Empty" is no condition that every spreadsheet understands."""
    return f'{page.cells("deposited")},"<>",{page.cells("paid")},"<>"'


def _entries(page: Page, word: str) -> str:
    """How many entries a sheet has, of one kind where it has several; one with several rows counts once."""
    if page.has("kind", "payment"):
        return f'COUNTIFS({page.cells("kind")},"{word}",{page.cells("payment")},1)'
    if page.has("kind"):
        return f'COUNTIF({page.cells("kind")},"{word}")'
    if page.has("payment"):
        return f"COUNTIF({page.cells('payment')},1)"
    return f"COUNTA({page.cells('file')})"


def _total(page: Page, key: str, word: str) -> str:
    if not page.has(key):
        return "0"
    if page.has("kind"):
        return f'SUMIFS({page.cells(key)},{page.cells("kind")},"{word}")'
    return f"SUM({page.cells(key)})"


def _midnight(day: str) -> datetime:
    at = date.fromisoformat(day)
    return datetime(at.year, at.month, at.day)  # noqa: DTZ001  a spreadsheet's dates have no zone
