"""The command `reconcile`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import N_, Plural, translate
from schemas.reports import Meaning

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.cli.console import Manner
    from pipeline.commands.reconcile import Reconciled, ReconcileRequest
    from pipeline.commands.status_words import UnknownWord
    from pipeline.config.settings import Settings
    from pipeline.reconciliation.payments import ReportLine

SHOWN_MATCHES: Final = 10
"""Matches to look into that are shown; the workbook has them all."""
SHOWN_DAMAGED: Final = 5
"""Damaged lines that are shown; the workbook has them all."""

_ANSWERS: Final = {str(number): meaning for number, meaning in enumerate(Meaning, 1)}


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import reconcile billing-2026-11 report-2026-11-25.csv
      # Reports may overlap, or be given twice.
      flinks-import reconcile billing-2026-11 report-*.csv bank.xlsx

    Exit codes:
      0  everything agrees
      1  some payments or requests need a person
      2  the command line or the settings are wrong, or there is no such batch
      3  a report can't be read
      7  another run is using the batch
    """,
)
@click.argument("batch")
@click.argument("reports", type=options.FILE, nargs=-1, required=True, metavar="REPORT...")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="FILE",
    help="The workbook.  [default: BATCH.reconciliation.xlsx next to the first REPORT]",
)
@click.option(
    "--mapping",
    type=options.FILE,
    metavar="FILE",
    help="A TOML file with headings and status words of your reports; your answers about words are kept in it.  "
    "[default: reports.mapping.toml next to the first REPORT]",
)
@options.batch_sandbox
@click.option(
    "--confirm-proposals",
    is_flag=True,
    help="Accept the proposals of the sheet Proposals, once you have read them. The journal records who accepted them.",
)
@options.journal
@options.talking
def reconcile(batch: str, reports: tuple[Path, ...], **given: Any) -> int:
    """Match BATCH with one or more daily REPORTs (CSV or workbook): what agrees, what is missing, what differs.

    A row whose outcome was unknown is resolved when a report names it. Which reports can be read, and what each sheet
    of the workbook means: docs/reports.md.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
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
        done = reconcile_batch(_with_words(request, manner), settings, emit_for(manner))
        _print(done, manner)
        return done.exit_code

    return call(given, body)


def _with_words(request: ReconcileRequest, manner: Manner) -> ReconcileRequest:
    """The request with the mapping file that says what the reports' words mean.

    It is the one that was named, else `reports.mapping.toml` beside the first report. On a terminal each status word
    that it does not know is asked about, and the answers are kept in it. Raises what reading a report does.
    """
    from pipeline.commands.status_words import keep_words, mapping_beside, unknown_words

    path = request.mapping or mapping_beside(request.reports)
    is_there = path.exists()
    if is_there and request.mapping is None and not manner.quiet:
        say(translate("Using the mapping file {path}.", manner.lang, path=str(path)), err=True)
    silent = manner.as_json or manner.quiet or manner.yes
    if not silent and sys.stdin.isatty() and sys.stdout.isatty():
        unknown = unknown_words(request.reports, path if is_there else None)
        if answers := {one.word: _ask(one, manner) for one in unknown}:
            keep_words(path, answers)
            say(
                translate("{path} keeps these meanings. You can change them there.", manner.lang, path=str(path)),
                err=True,
            )
            is_there = True
    return replace(request, mapping=path) if is_there else request


def _ask(one: UnknownWord, manner: Manner) -> Meaning:
    """What a person says that the word means. Raises click's Abort when the person goes."""
    from pipeline.cli.console import prompt
    from pipeline.commands.status_words import MEANINGS

    files = ", ".join(one.files)
    say(
        translate(
            'The program does not know the status "{word}" of some payments ({files}; lines: '
            "{count}). What does it mean?",
            manner.lang,
            word=one.word,
            count=one.lines,
            files=files,
        ),
        err=True,
    )
    for number, meaning in _ANSWERS.items():
        say(f"  {number}  {translate(MEANINGS[meaning], manner.lang)}", err=True)
    question = translate("Your answer (1 to {most})", manner.lang, most=len(_ANSWERS))
    while (answer := prompt(question, manner.lang).strip()) not in _ANSWERS:
        pass
    return _ANSWERS[answer]


def _print(done: Reconciled, manner: Manner) -> None:
    from pipeline.cli.printing import output_console, print_workbook
    from pipeline.reconciliation.front import headline, verdict_of

    if manner.as_json:
        click.echo(json.dumps(done.summary(manner.lang), ensure_ascii=False))
        return
    if manner.quiet and not done.exit_code:
        return
    console = output_console()
    console.print(_table(done, manner))
    told = done.balance, done.story.doubts, done.matches
    style = {"green": "green", "amber": "yellow", "red": "bold red"}[verdict_of(*told)]
    console.print(" ".join(headline(*told, manner.lang)), markup=False, style=style)
    for line in (*_to_look_into(done, manner), *_remarks(done, manner)):
        console.print(line, markup=False)
    print_workbook(done.written.path, manner)


def _to_look_into(done: Reconciled, manner: Manner) -> list[str]:
    """What needs a person, each with its rows, its money and the lines of the reports."""
    from pipeline.reconciliation.balance import pile_of
    from pipeline.reconciliation.sentences import LABELS
    from schemas.money import format_amount

    lang = manner.lang
    matches = [match for match in done.matches if match.must_be_looked_at]
    lines = []
    for match in matches[:SHOWN_MATCHES]:
        rows = [
            translate("row {row} {reference}", lang, row=one.row or "-", reference=one.reference)
            for one in match.expected
        ]
        told = [line for payment in match.payments for line in reversed(payment.lines)]
        rows = rows or [told[0].reference or told[0].memo or "-"]
        lines.append(
            translate(
                "  {label}: {rows}; requested {asked}, paid {paid} ({lines})",
                lang,
                label=translate(LABELS[pile_of(match)], lang),
                rows=", ".join(row.rstrip() for row in rows),
                asked=format_amount(match.asked, lang),
                paid=format_amount(match.paid, lang),
                lines="; ".join(_places(told)) or "-",
            )
        )
    if (more := len(matches) - SHOWN_MATCHES) > 0:
        lines.append(translate("  … and {count} more in the workbook", lang, count=more))
    return lines


def _places(lines: Sequence[ReportLine]) -> list[str]:
    """The lines of each report: `settlement.csv 4, 5`."""
    found: dict[str, list[int]] = {}
    for line in lines:
        found.setdefault(f"{line.file} {line.sheet}".rstrip(), []).append(line.number)
    return [f"{file} {', '.join(map(str, dict.fromkeys(numbers)))}" for file, numbers in found.items()]


def _remarks(done: Reconciled, manner: Manner) -> list[str]:
    """What a person must know beside the figures."""
    from pipeline.reconciliation.front import folded_words, other_lines

    story, lang = done.story, manner.lang
    lines = []
    if story.resolved:
        rows = ", ".join(str(one.row or "-") for one in story.resolved[:20])
        lines.append(
            translate(
                "Rows whose outcome was unknown and that a report names: {count} (rows {rows}). "
                "Their requests exist: they are not sent again, and the journal keeps the "
                "evidence.",
                lang,
                count=len(story.resolved),
                rows=rows,
            )
        )
    if story.confirmed:
        lines.append(
            translate(
                "Proposals confirmed by {who}: {count}. The journal keeps who confirmed them and when.",
                lang,
                count=story.confirmed,
                who=story.who,
            )
        )
    lines += [remark.in_language(lang) for remark in story.disagrees]
    for one in story.damaged[:SHOWN_DAMAGED]:
        where = f"{one.file} {one.sheet}".rstrip()
        lines.append(
            translate("  {file}, line {line}: {why}", lang, file=where, line=one.number, why=one.why.in_language(lang))
        )
    if (more := len(story.damaged) - SHOWN_DAMAGED) > 0:
        lines.append(
            translate(
                Plural(
                    "  … and {count} more damaged line in the workbook",
                    "  … and {count} more damaged lines in the workbook",
                ),
                lang,
                count=more,
            )
        )
    if story.other_lines:
        lines.append(other_lines(story.other_lines, lang))
    lines += [
        translate("{file}, line {line}: same payment as line {same_line} of {same_file}.", lang, **folded_words(one))
        for one in story.folded[:SHOWN_DAMAGED]
    ]
    lines += [remark.in_language(lang) for remark in story.remarks]
    return lines


def _table(done: Reconciled, manner: Manner) -> Table:
    from rich.table import Table
    from rich.text import Text

    from pipeline.reconciliation.balance import Pile
    from pipeline.reconciliation.sentences import LABELS
    from schemas.money import format_amount, format_number

    lang = manner.lang
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(translate("Category", lang))
    for text in (
        N_("Count"),
        N_("Requested (CAD)"),
        N_("Paid (CAD)"),
        N_("Difference"),
    ):
        table.add_column(translate(text, lang), justify="right", no_wrap=True)
    calm = dict.fromkeys((Pile.WAITING, Pile.ENDED_UNPAID, Pile.NOT_IN_REPORT), "")
    dim = dict.fromkeys((Pile.OTHER_BATCH, Pile.NEVER_ASKED), "dim")
    styles = {Pile.MATCHED: "green", Pile.IN_PARTS: "green", **calm, **dim}
    for pile in Pile:
        sums = done.balance.sums[pile]
        if sums.entries:
            amounts = [format_amount(amount, lang) for amount in (sums.asked, sums.paid, sums.difference)]
            label = Text(translate(LABELS[pile], lang), style=styles.get(pile, "yellow"))
            table.add_row(label, format_number(sums.entries, lang), *amounts)
    total = done.balance.total
    table.add_section()
    amounts = [format_amount(amount, lang) for amount in (total.asked, total.paid, total.difference)]
    table.add_row(Text(translate("total", lang), style="bold"), format_number(total.entries, lang), *amounts)
    return table
