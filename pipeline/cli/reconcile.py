"""The command `reconcile`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.cli.screen import Manner
    from pipeline.commands.reconcile import Reconciled
    from pipeline.config.settings import Settings
    from pipeline.reconciliation.payments import Line

SHOWN_MATCHES: Final = 10
"""Matches to look into that are shown; the workbook has them all."""
SHOWN_DAMAGED: Final = 5
"""Damaged lines that are shown; the workbook has them all."""

_LABELS = {
    "matched": "reconcile.label_matched",
    "inParts": "reconcile.label_inParts",
    "underpaid": "reconcile.label_underpaid",
    "overpaid": "reconcile.label_overpaid",
    "together": "reconcile.label_together",
    "corrected": "reconcile.label_corrected",
    "otherCurrency": "reconcile.label_otherCurrency",
    "otherNameOrAccount": "reconcile.label_otherNameOrAccount",
    "paidTwice": "reconcile.label_paidTwice",
    "returned": "reconcile.label_returned",
    "unexplained": "reconcile.label_unexplained",
    "notKnown": "reconcile.label_notKnown",
    "otherBatch": "reconcile.label_otherBatch",
    "proposals": "reconcile.label_proposals",
    "waiting": "reconcile.label_waiting",
    "endedUnpaid": "reconcile.label_endedUnpaid",
    "unknownState": "reconcile.label_unknownState",
    "notInReport": "reconcile.label_notInReport",
    "neverAsked": "reconcile.label_neverAsked",
}
"""What each `Pile` is called."""


@click.command()
@click.argument("batch")
@click.argument("reports", type=options.FILE, nargs=-1, required=True, metavar="REPORT...")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    help="The workbook.  [default: BATCH.reconciliation.xlsx beside the first REPORT]",
)
@click.option(
    "--mapping",
    type=options.FILE,
    help="A TOML file that adds headings and status words of the reports; it keeps what you answer about words.  "
    "[default: reports.mapping.toml beside the first REPORT]",
)
@click.option("--sandbox", is_flag=True, help="A batch that was sent to the built-in sandbox.")
@click.option(
    "--confirm-proposals",
    is_flag=True,
    help="Take the proposals of the sheet Proposals, which you have read; who said so is kept.",
)
@options.journal
@options.talking
def reconcile(batch: str, reports: tuple[Path, ...], **given: Any) -> int:
    """Match BATCH with one or more daily REPORTs (CSV or workbook) and write what agrees and what does not.

    A line is a payment; reports may overlap or be given twice. Rows whose outcome was unknown are resolved when a
    report names them. Which reports are read, and what each sheet means: docs/reports.md.

    \b
    Exit codes: 0 everything agrees, 1 something needs a person, 2 wrong options or an unknown batch,
    3 a report can't be read, 7 another run holds the batch.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.screen import screen_of
        from pipeline.cli.words import taught
        from pipeline.commands.reconcile import ReconcileRequest, reconcile_batch

        request = ReconcileRequest(
            batch=batch,
            reports=reports,
            output=given["output"],
            mapping=given["mapping"],
            sandbox=given["sandbox"],
            confirm_proposals=given["confirm_proposals"],
            lang=manner.lang,
        )
        screen = screen_of(manner)
        done = reconcile_batch(taught(request, manner), settings, screen.reading, screen.placed)
        _print(done, manner)
        return done.exit_code

    return call(given, body)


def _print(done: Reconciled, manner: Manner) -> None:
    from rich.text import Text

    from pipeline.cli.consoles import SafeConsole
    from pipeline.messages import say
    from pipeline.reconciliation.front import headline, verdict_of

    if manner.as_json:
        click.echo(json.dumps(done.summary(manner.lang), ensure_ascii=False))
        return
    if manner.quiet and not done.exit_code:
        return
    console = SafeConsole(soft_wrap=True)
    console.print(_table(done, manner))
    told = done.balance, done.story.doubts, done.matches
    style = {"green": "green", "amber": "yellow", "red": "bold red"}[verdict_of(*told)]
    console.print(Text(" ".join(headline(*told, manner.lang)), style=style))
    for line in (*_to_look_into(done, manner), *_remarks(done, manner)):
        console.print(line, markup=False)
    console.print(Text(say("screen.workbook", manner.lang, path=done.written.path), style="bold"))


def _to_look_into(done: Reconciled, manner: Manner) -> list[str]:
    """What needs a person, each with its rows, its money and the lines of the reports."""
    from pipeline.messages import say
    from pipeline.reconciliation.balance import pile_of
    from pipeline.report.formatting import dollars

    lang = manner.lang
    matches = [match for match in done.matches if match.must_be_looked_at]
    lines = []
    for match in matches[:SHOWN_MATCHES]:
        rows = [say("reconcile.said_row", lang, row=one.row or "-", reference=one.reference) for one in match.expected]
        told = [line for payment in match.payments for line in reversed(payment.lines)]
        rows = rows or [told[0].reference or told[0].memo or "-"]
        lines.append(
            say(
                "reconcile.said_match",
                lang,
                label=say(_LABELS[pile_of(match)], lang),
                rows=", ".join(row.rstrip() for row in rows),
                asked=dollars(match.asked, lang),
                paid=dollars(match.paid, lang),
                lines="; ".join(_places(told)) or "-",
            )
        )
    if (more := len(matches) - SHOWN_MATCHES) > 0:
        lines.append(say("reconcile.more_matches", lang, count=more))
    return lines


def _places(lines: Sequence[Line]) -> list[str]:
    """The lines of each report: `settlement.csv 4, 5`."""
    found: dict[str, list[int]] = {}
    for line in lines:
        found.setdefault(f"{line.file} {line.sheet}".rstrip(), []).append(line.number)
    return [f"{file} {', '.join(map(str, dict.fromkeys(numbers)))}" for file, numbers in found.items()]


def _remarks(done: Reconciled, manner: Manner) -> list[str]:
    """What a person must know beside the figures."""
    from pipeline.messages import say
    from pipeline.reconciliation.front import folded_words, other_lines

    story, lang = done.story, manner.lang
    lines = []
    if story.resolved:
        rows = ", ".join(str(one.row or "-") for one in story.resolved[:20])
        lines.append(say("reconcile.said_resolved", lang, count=len(story.resolved), rows=rows))
    if story.confirmed:
        lines.append(say("reconcile.confirmed_by", lang, count=story.confirmed, who=story.who))
    lines += [remark.say(lang) for remark in story.disagrees]
    for one in story.damaged[:SHOWN_DAMAGED]:
        where = f"{one.file} {one.sheet}".rstrip()
        lines.append(say("reconcile.said_damaged", lang, file=where, line=one.number, why=one.why.say(lang)))
    if (more := len(story.damaged) - SHOWN_DAMAGED) > 0:
        lines.append(say("reconcile.more_damaged", lang, count=more))
    if story.other_lines:
        lines.append(other_lines(story.other_lines, lang))
    lines += [say("reconcile.folded_line", lang, **folded_words(one)) for one in story.folded[:SHOWN_DAMAGED]]
    lines += [remark.say(lang) for remark in story.remarks]
    return lines


def _table(done: Reconciled, manner: Manner) -> Table:
    from rich.table import Table
    from rich.text import Text

    from pipeline.messages import say
    from pipeline.reconciliation.balance import Pile
    from schemas.money import format_amount, format_number

    lang = manner.lang
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(say("reconcile.proof_kind", lang))
    for key in (
        "reconcile.proof_entries",
        "reconcile.proof_asked",
        "reconcile.proof_paid",
        "reconcile.proof_difference",
    ):
        table.add_column(say(key, lang), justify="right", no_wrap=True)
    calm = dict.fromkeys((Pile.WAITING, Pile.ENDED_UNPAID, Pile.NOT_IN_REPORT), "")
    dim = dict.fromkeys((Pile.OTHER_BATCH, Pile.NEVER_ASKED), "dim")
    styles = {Pile.MATCHED: "green", Pile.IN_PARTS: "green", **calm, **dim}
    for pile in Pile:
        sums = done.balance.sums[pile]
        if sums.entries:
            amounts = [format_amount(amount, lang) for amount in (sums.asked, sums.paid, sums.difference)]
            label = Text(say(_LABELS[pile], lang), style=styles.get(pile, "yellow"))
            table.add_row(label, format_number(sums.entries, lang), *amounts)
    total = done.balance.total
    table.add_section()
    amounts = [format_amount(amount, lang) for amount in (total.asked, total.paid, total.difference)]
    table.add_row(Text(say("screen.total", lang), style="bold"), format_number(total.entries, lang), *amounts)
    return table
