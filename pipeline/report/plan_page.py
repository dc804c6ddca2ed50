"""A plan as its approver reads it: its facts and tables for any page or terminal, and one HTML file to print.

The file has names, references and amounts: it is for the people who approve, and not for a mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from pipeline.domain.approval import PlanEvent, PlanState, PlanStep
from pipeline.domain.model import Status
from pipeline.domain.plan_summary import PlanDetails, PlanView
from pipeline.messages import N_, translate
from pipeline.report.changes_sheet import CHANGE_COUNTS, CHANGE_NAMES
from pipeline.report.formatting import fault_for_people, format_moment, zone
from pipeline.report.page import head, safe
from pipeline.report.styles import VERDICT_COLOURS
from pipeline.report.summary import Weight
from schemas.languages import Lang
from schemas.money import format_amount, format_number
from schemas.workbook_names import word

STATES: Final[dict[PlanState, str]] = {
    PlanState.MADE: N_("waits for approval"),
    PlanState.APPROVED: N_("approved"),
    PlanState.SENT_BACK: N_("sent back"),
    PlanState.SENT: N_("sent"),
    PlanState.VOID: N_("the sheet differed since"),
}
"""What is said of each state."""

_STEPS: Final[dict[PlanStep, str]] = {
    PlanStep.APPROVED: N_("Approved by"),
    PlanStep.SENT_BACK: N_("Sent back by"),
    PlanStep.SENT: N_("Sent by"),
    PlanStep.DIFFERED: N_("The sheet differed"),
}
_WEIGHTS: Final[dict[PlanState, Weight]] = {
    PlanState.MADE: Weight.AMBER,
    PlanState.APPROVED: Weight.GREEN,
    PlanState.SENT_BACK: Weight.RED,
    PlanState.SENT: Weight.GREEN,
    PlanState.VOID: Weight.RED,
}
_WHY: Final[dict[Status, str]] = {
    Status.ALREADY_CREATED: N_("They have their request already."),
    Status.CREATED: N_("They have their request already."),
}
_OTHER_REASONS: Final = N_("Other reasons")

_STYLE: Final = """
h1 .state { font-size: 15px; font-weight: 600; padding: 3px 10px; margin-left: 10px; vertical-align: middle; }
.facts th { background: none; color: inherit; width: 1%; border-width: 0 0 1px; }
.facts td { border-width: 0 0 1px; }
.total { font-size: 30px; font-weight: 700; margin: 14px 0 0; }
.sign { display: flex; gap: 40px; margin-top: 44px; break-inside: avoid; }
.sign p { flex: 1; border-top: 1px solid; padding-top: 4px; font-size: 13px; }
tr { break-inside: avoid; }
h2 { break-after: avoid; }
@media print { body { background: none; padding: 0; } main { border: 0; padding: 0; max-width: none; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table: its title, its headings, its rows, and which columns are figures. `more` follows it, if anything."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[int]
    more: str = ""


def facts(view: PlanView, lang: Lang, environment: str = "") -> Iterator[tuple[str, str]]:
    """What there is to know of a plan as a whole, each with its label.

    `environment` is what it is called where this is read, if not by the name that the journal has.
    """

    def say(text: str, **params: object) -> str:
        return translate(text, lang, **params)

    figures = view.figures
    yield say(N_("Batch")), view.batch
    yield say(N_("Environment")), environment or view.environment
    yield say(N_("File")), f"{view.file} ({view.sheet})" if view.sheet else view.file
    yield say(N_("SHA-256 of the file")), view.sha256
    yield from history(view, lang)
    yield say(N_("Rows of the sheet")), _counted(figures.rows, figures.amount, lang)
    yield say(N_("Payment requests")), _counted(figures.to_send, figures.total, lang)
    if (expected := figures.expected) is not None:
        by = _by(expected.who, expected.at, lang)
        yield say(N_("Total of the billing program")), f"{format_amount(expected.amount, lang)} ({by})"
        yield say(N_("Difference")), _signed(expected.difference, lang)
        if expected.difference and expected.accepted_at is not None:
            yield say(N_("Difference accepted by")), _by(expected.accepted_by, expected.accepted_at, lang)
    if figures.open_amounts:
        yield say(N_("Amount chosen by the payor")), format_number(figures.open_amounts, lang)
    yield say(N_("Links e-mailed by the API")), format_number(figures.e_mailed, lang)
    yield say(N_("Links to send yourself")), format_number(figures.to_send - figures.e_mailed, lang)
    yield say(N_("Accounts paid into")), format_number(figures.accounts, lang)
    if not figures.compared:
        yield say(N_("Changes")), say(N_("There is no batch of the month before to compare with."))
    else:
        counts = [say(CHANGE_COUNTS[one.kind], count=format_number(one.payors, lang)) for one in figures.changes]
        told = " · ".join(counts) or say(N_("No differences."))
        yield say(N_("Compared with {batch}"), batch=figures.compared), told


def history(view: PlanView, lang: Lang) -> Iterator[tuple[str, str]]:
    """Who made a plan, and what was done with it since, each with its label."""
    yield translate("Plan made by", lang), _by(str(view.maker), view.made_at, lang)
    for event in view.events:
        yield translate(_STEPS[event.step], lang), _event(event, lang)


def sections(view: PlanView, lang: Lang) -> Iterator[Section]:
    """The tables of a plan: changes, largest amounts, accounts, what is not sent."""
    if view.details is not None:
        yield from _changes(view, view.details, lang)
        yield _largest(view.details, lang)
        yield _accounts(view, view.details, lang)
    yield from _left_out(view, lang)


def _changes(view: PlanView, details: PlanDetails, lang: Lang) -> Iterator[Section]:
    if not details.changes:
        return
    rows = tuple(
        (
            translate(CHANGE_NAMES[change.kind], lang),
            ", ".join(map(str, change.rows)),
            change.name,
            _amount(change.before, lang),
            _amount(change.now, lang),
            _signed(change.difference, lang),
        )
        for change in details.changes
    )
    headings = (N_("Change"), N_("Row"), N_("Payor"), N_("Before"), N_("Now"), N_("Difference"))
    more = sum(one.payors for one in view.figures.changes) - len(rows)
    yield _section(N_("Changes since {batch}"), headings, rows, {3, 4, 5}, lang, more, batch=view.figures.compared)


def _largest(details: PlanDetails, lang: Lang) -> Section:
    rows = tuple((str(one.row), one.reference, one.name, _amount(one.amount, lang)) for one in details.largest)
    return _section(N_("Largest amounts"), (N_("Row"), N_("Reference"), N_("Payor"), N_("Amount")), rows, {3}, lang)


def _accounts(view: PlanView, details: PlanDetails, lang: Lang) -> Section:
    default = translate("the default account", lang)
    rows = tuple(
        (one.account or default, format_number(one.rows, lang), format_amount(one.amount, lang))
        for one in details.accounts
    )
    headings, more = (N_("Account"), N_("Rows"), N_("Amount")), view.figures.accounts - len(rows)
    return _section(N_("Accounts paid into"), headings, rows, {1, 2}, lang, more)


def _left_out(view: PlanView, lang: Lang) -> Iterator[Section]:
    rows = tuple(
        (
            word(one.status, lang),
            fault_for_people(one.reason, lang) if one.reason else translate(_WHY.get(one.status, _OTHER_REASONS), lang),
            format_number(one.rows, lang),
            format_amount(one.amount, lang),
        )
        for one in view.figures.left_out
    )
    headings = (N_("Status"), N_("Reason"), N_("Rows"), N_("Amount"))
    if rows:
        yield _section(N_("Not sent, and why"), headings, rows, {2, 3}, lang)


def _section(  # noqa: PLR0913, PLR0917 - a table as its lines read
    title: str,
    headings: Sequence[str],
    rows: tuple[tuple[str, ...], ...],
    figures: set[int],
    lang: Lang,
    more: int = 0,
    **params: object,
) -> Section:
    told = tuple(translate(heading, lang) for heading in headings)
    rest = translate("… and {count} more", lang, count=format_number(more, lang)) if more > 0 else ""
    return Section(translate(title, lang, **params), told, rows, frozenset(figures), rest)


def _amount(amount: Decimal | None, lang: Lang) -> str:
    return "-" if amount is None else format_amount(amount, lang)


def _signed(amount: Decimal | None, lang: Lang) -> str:
    if amount is None:
        return "-"
    return f"+{format_amount(amount, lang)}" if amount > 0 else format_amount(amount, lang)


def _counted(rows: int, amount: Decimal, lang: Lang) -> str:
    return f"{format_number(rows, lang)}, {format_amount(amount, lang)}"


def _by(who: str, at: datetime, lang: Lang) -> str:
    return translate("{who}, {time}", lang, who=who, time=format_moment(at, lang))


def _event(event: PlanEvent, lang: Lang) -> str:
    by = _by(str(event.who), event.at, lang)
    if event.step is PlanStep.DIFFERED:
        return translate("{by} (rows: {count})", lang, by=by, count=format_number(event.rows, lang))
    return f"{by}: {event.reason}" if event.reason else by


# ---------------------------------------------------------------------------------------------------------------
# The file


def write_page(view: PlanView, path: Path, lang: Lang) -> None:
    """Writes the plan to `path`."""
    path.write_text(page(view, lang), encoding="utf-8", newline="\n")


def page(view: PlanView, lang: Lang) -> str:
    """The whole page."""
    title = translate("Plan {plan}", lang, plan=view.name)
    fill, ink = VERDICT_COLOURS[_WEIGHTS[view.state]]
    count = translate("Payment requests: {rows}", lang, rows=format_number(view.figures.to_send, lang))
    rows = "\n".join(f"<tr><th>{safe(name)}</th><td>{safe(text)}</td></tr>" for name, text in facts(view, lang))
    return "".join(
        (
            head(title, lang, _STYLE),
            f'<main>\n<h1>{safe(title)} <span class="state" style="background:{fill};color:{ink}">',
            f"{safe(translate(STATES[view.state], lang))}</span></h1>\n",
            f'<p class="total">{safe(format_amount(view.figures.total, lang))}</p>\n<p>{safe(count)}</p>\n',
            f'<table class="facts">\n{rows}\n</table>\n',
            *(_table(section) for section in sections(view, lang)),
            _signatures(view, lang),
            f'<p class="quiet">{safe(translate("Dates and times are local: {zone}.", lang, zone=zone()))}</p>\n',
            "</main>\n</body>\n</html>\n",
        )
    )


def _table(section: Section) -> str:
    def cells(texts: Sequence[str], tag: str) -> str:
        looks = (' class="figure"' if index in section.figures else "" for index in range(len(texts)))
        return "".join(f"<{tag}{look}>{safe(text)}</{tag}>" for text, look in zip(texts, looks, strict=True))

    body = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in section.rows)
    more = f"<p>{safe(section.more)}</p>\n" if section.more else ""
    return (
        f"<h2>{safe(section.title)}</h2>\n<table>\n<thead><tr>{cells(section.headings, 'th')}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>\n{more}"
    )


def _signatures(view: PlanView, lang: Lang) -> str:
    """Room for a signature on paper, while nobody has decided."""
    if view.state is not PlanState.MADE:
        return ""
    places = "".join(f"<p>{safe(translate(text, lang))}</p>" for text in (N_("Approver"), N_("Signature"), N_("Date")))
    return f'<div class="sign">{places}</div>\n'
