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
from pipeline.messages import say
from pipeline.reconciliation.balance import CATEGORY_OF, WITHOUT_DAY, Amount, Balance, Deposit, Doubts, Pile, Sum
from pipeline.reconciliation.daily_reports import Daily, Damaged, Remark
from pipeline.reconciliation.matching import Match, MatchCategory
from pipeline.reconciliation.payments import CAD, Line, Payment
from pipeline.report.cells import cut
from pipeline.report.formatting import dollars, zone
from pipeline.report.styles import DAY, FAINT, FAULTY, HEADING, INK, LINE, MONEY, STATUS_COLOURS, TEXT, Looks
from schemas.languages import Lang

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
class Resolved:
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
    resolved: Sequence[Resolved]
    doubts: Doubts = Doubts()
    other_lines: Sequence[Payment] = ()
    folded: Sequence[tuple[Line, Line]] = ()
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
        return say(f"reconcile.{name}", self._lang, **params)

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
        words = self._say("yes"), self._say("no")
        self._sheet.write_formula(
            self._row, column, f'=IF({condition},"{words[0]}","{words[1]}")', look, words[0] if agrees else words[1]
        )

    def _colour_checks(self, column: int, first: int) -> None:
        for word, (fill, ink) in ((self._say("yes"), _GOOD), (self._say("no"), _BAD)):
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
        self._title(self._say("title"))
        self._facts(story)
        self._say_verdict(balance, story.doubts, matches)
        self._table(balance)
        self._list("resolved", [self._resolved(one) for one in story.resolved])
        if story.confirmed:
            self._list("confirmed", [self._say("confirmed_by", count=story.confirmed, who=story.who)])
        self._list("disagrees", [remark.say(self._lang) for remark in story.disagrees])
        if story.damaged:
            self._list("damaged", [self._say("damaged_lines", count=len(story.damaged))])
        self._list("folded", [self._say("folded_line", **folded_words(one)) for one in story.folded[:_MOST_LISTED]])
        if story.other_lines:
            self._list("other_lines", [other_lines(story.other_lines, self._lang)])
        self._list("remarks", [remark.say(self._lang) for remark in story.remarks])
        self._list("next", [*self._next_steps(story, balance)])
        self._sheet.freeze_panes(1, 0)

    def _resolved(self, one: Resolved) -> str:
        return self._say("resolved_row", row=one.row or "-", file=one.file, line=one.line)

    def _facts(self, story: Story) -> None:
        self._fact(self._say("batch"), story.batch)
        self._fact(self._say("environment"), story.environment)
        self._fact(say("report.zone", self._lang), zone())
        for number, report in enumerate(story.reports, 1):
            label = self._say("report") if len(story.reports) == 1 else self._say("report_n", number=number)
            lines = self._say("report_lines", count=len(report.lines), sha256=report.sha256)
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
        names = (
            "kind",
            "meaning",
            "entries",
            "asked",
            "paid",
            "difference",
            "computed_asked",
            "computed_paid",
            "agrees",
        )
        self._headings(*(f"proof_{name}" for name in names))
        opening = self._row
        self._outer("opening", asked=balance.opening)
        first = self._row
        for pile in Pile:
            self._pile(pile, balance.sums[pile])
        self._sum(first, balance)
        self._outer("closing", paid=balance.closing)
        self._gap(opening, balance)
        self._colour_checks(self._last, first)
        self._row += 2

    def _outer(self, name: str, *, asked: Decimal | None = None, paid: Decimal | None = None) -> None:
        """The opening or the closing total: counted from the journal, or from the lines before any was matched."""
        self._sheet.write_string(self._row, 0, self._say(f"proof_{name}"), self._strong)
        self._sheet.write_string(self._row, 1, self._say(f"meaning_{name}"), self._strong)
        for column in range(2, self._last + 1):
            self._sheet.write_blank(self._row, column, None, self._strong)
        for column, amount in ((3, asked), (4, paid)):
            if amount is not None:
                self._sheet.write_number(self._row, column, float(amount), self._strong_money)
        self._row += 1

    def _pile(self, pile: Pile, sums: Sum) -> None:
        page = self._pages[CATEGORY_OF[pile]]
        word = self._say(f"kind_{pile.value}")
        self._sheet.write_string(self._row, 0, f"{page.name}: {word}" if page.has("kind") else page.name, self._cell)
        meaning = self._say(f"meaning_{pile.value}")
        self._sheet.write_string(self._row, 1, meaning, self._cell)
        self._sheet.set_row(self._row, _LINE_HEIGHT * (1 + int(len(meaning) / self._widths[1] * _WIDE_LETTERS)))
        self._number(2, _entries(page, word), sums.entries, self._count)
        self._number(3, _total(page, "asked", word), sums.asked, self._money)
        self._number(4, _total(page, "paid", word), sums.paid, self._money)
        at = self._row + 1
        self._number(5, f"E{at}-D{at}", sums.difference, self._money)
        self._computed(sums.asked, sums.paid, self._money)
        condition = f"AND(ROUND(D{at}-G{at},2)=0,ROUND(E{at}-H{at},2)=0)"
        self._check(8, condition, agrees=True, look=self._verdict)
        self._row += 1

    def _computed(self, asked: Decimal, paid: Decimal, look: Any) -> None:
        self._sheet.write_number(self._row, 6, float(asked), look)
        self._sheet.write_number(self._row, 7, float(paid), look)

    def _sum(self, first: int, balance: Balance) -> None:
        """All lines together, held against both totals."""
        total, last = balance.total, self._row
        self._sheet.write_string(self._row, 0, self._say("proof_sum"), self._strong)
        self._sheet.write_string(self._row, 1, self._say("meaning_sum"), self._strong)
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
        self._sheet.write_string(self._row, 0, self._say("proof_gap"), self._strong)
        self._sheet.write_string(self._row, 1, self._say("meaning_gap"), self._strong)
        for column in range(2, self._last):
            self._sheet.write_blank(self._row, column, None, self._strong)
        self._number(5, f"ROUND(D{opening + 1}+F{sums}-E{closing},2)", balance.gap, self._strong_money)
        self._check(8, f"F{self._row + 1}=0", agrees=balance.gap == 0, look=self._strong_verdict)

    def _next_steps(self, story: Story, balance: Balance) -> Sequence[str]:
        calm = {Pile.MATCHED, Pile.IN_PARTS, Pile.OTHER_BATCH}
        piles = [pile for pile in Pile if balance.sums[pile].entries and pile not in calm]
        steps = [f"{self._pages[CATEGORY_OF[pile]].name}: {self._say(f'next_{pile.value}')}" for pile in piles]
        if story.other_session:
            steps.insert(0, f"{self._pages[MatchCategory.MATCHED].name}: {self._say('next_otherSession')}")
        return list(dict.fromkeys(steps))


class DepositPage(_Sheet):
    """Writes `Deposits`: a day's payments arrive as one consolidated deposit (API notes, "Reports")."""

    def __init__(self, sheet: Any, looks: Looks, lang: Lang, pages: Mapping[MatchCategory, Page]) -> None:
        super().__init__(sheet, looks, lang, pages, _DEPOSIT_WIDTHS)

    def write(self, deposits: Sequence[Deposit], balance: Balance) -> None:
        """All of the sheet."""
        self._title(self._say("deposits_title"))
        self._row = 1
        self._merged(self._say("deposits_about"), self._text)
        self._row += 1
        names = ("day", "currency", "payments", "deposit", "ours", "others", "computed", "agrees", "tick")
        self._headings(*(f"deposit_{name}" for name in names))
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
                "booked", file=deposit.booked.file, line=deposit.booked.number, day=deposit.booked.bank_day
            )
            self._sheet.write_string(self._row, 8, booked, tick)
        elif deposit.is_missing:
            self._sheet.write_string(self._row, 8, self._say("not_on_statement"), self._looks.of(**_MISSING))
        elif deposit.day not in WITHOUT_DAY:
            self._sheet.write_string(self._row, 8, self._say("tick_box"), tick)
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
        self._sheet.write_string(self._row, 0, self._say("deposit_all"), self._strong)
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
        "opening": dollars(balance.opening, lang),
        "closing": dollars(balance.closing, lang),
        "difference": dollars(balance.total.difference, lang),
    }
    if not balance.adds_up:
        asked, paid = balance.opening - balance.total.asked, balance.closing - balance.total.paid
        told |= {"asked": dollars(asked, lang), "paid": dollars(paid, lang)}
        return [say("reconcile.does_not_add_up", lang, **told)]
    verdict = verdict_of(balance, doubts, matches)
    sentences = [say("reconcile.adds_up" if verdict is Verdict.GREEN else "reconcile.read_lines_add_up", lang, **told)]
    looked_at = [match for match in matches if match.must_be_looked_at]
    if looked_at:
        sentences.append(say("reconcile.need_a_person", lang, count=len(looked_at)))
    for name, amount in (
        ("unread", doubts.damaged),
        ("unknown_words", doubts.words),
        ("deposits", doubts.deposits),
        ("folded_lines", doubts.folded),
    ):
        if amount.lines:
            sentences.append(_doubt(name, amount, lang))
    if doubts.totals:
        sentences.append(say("reconcile.doubt_totals", lang, count=doubts.totals))
    return sentences


def _doubt(name: str, amount: Amount, lang: Lang) -> str:
    sentence = say(f"reconcile.doubt_{name}", lang, count=amount.lines, amount=dollars(amount.dollars, lang))
    if not amount.unread:
        return sentence
    return f"{sentence} {say('reconcile.doubt_no_amount', lang, count=amount.unread)}"


def other_lines(payments: Sequence[Payment], lang: Lang) -> str:
    """The bookings of a bank statement that concern no request, in one sentence."""
    came, went = (
        dollars(sum((abs(one.paid) for one in payments if (one.paid > 0) is is_in), Decimal(0)), lang)
        for is_in in (True, False)
    )
    return say("reconcile.other_lines_sum", lang, count=len(payments), came=came, went=went)


def folded_words(folded: tuple[Line, Line]) -> dict[str, object]:
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
