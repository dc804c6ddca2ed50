"""The command `plan`, and how a plan is printed: for `approve` and `batches show` too."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import translate

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from pipeline.cli.console import Manner
    from pipeline.commands.plan import MadePlan
    from pipeline.config.settings import Settings
    from pipeline.domain.approval import PlanEvent
    from pipeline.domain.plan_summary import PlanView
    from schemas.languages import Lang

_PLACE: Final = frozenset({"sandbox", "journal", "config", "profile"})
"""The options that say where a plan is: the approver needs them too."""
_OF_THIS_COMMAND: Final = frozenset(
    {"output", "metrics_file", "lang", "as_json", "verbose", "quiet", "log_json", "log_file"}
)
"""The options that do not change what would be sent."""


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import plan billing.xlsx
      # Also write a page to print, for the approver.
      flinks-import plan billing.xlsx -o plan.html
      # Another person looks at the plan and approves it. Then you send that.
      flinks-import approve billing-p1
      flinks-import run billing.xlsx --plan billing-p1
    """,
)
@options.opening
@options.page
@options.judging
@options.journal
@options.talking
@click.pass_context
def plan(ctx: click.Context, /, **given: Any) -> int:
    """Make a plan of what FILE would send, for a second person to approve. Nothing is sent.

    The journal keeps the plan: counts, totals, and a digest of every request. The command prints the plan's name, the
    command that approves it and the one that sends it. `run FILE --plan PLAN` sends exactly that, or refuses and says
    which rows differ.
    """
    from pipeline.cli.runner import call

    def make(settings: Settings, manner: Manner) -> int:
        from dataclasses import replace

        from pipeline.cli.console import emit_for
        from pipeline.cli.runner import request_of
        from pipeline.commands.plan import plan as make_plan

        made = make_plan(replace(request_of(given), lang=manner.lang), settings, emit_for(manner))
        name = made.view.name
        approving = _command("approve", [name], _given(ctx, lambda option: option in _PLACE))
        same = _given(ctx, lambda option: option not in _OF_THIS_COMMAND)
        sending = _command("run", [str(given["file"])], [*same, "--plan", name])
        _print(made, approving, sending, manner)
        return 0

    return call(given, make)


def _command(name: str, arguments: list[str], given: list[str]) -> str:
    """A whole command, as a person types it."""
    return shlex.join(["flinks-import", name, *arguments, *given])


def _given(ctx: click.Context, wanted: Callable[[str], bool]) -> list[str]:
    """The options of this command line that are wanted, as they were given. A journal's password is left out."""
    from pipeline.config.passwords import without_password

    found: list[str] = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or not wanted(name):
            continue
        if ctx.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[name]
        if parameter.is_flag:
            found.append(parameter.opts[-1] if value else parameter.secondary_opts[-1])
            continue
        for one in value if parameter.multiple else (value,):
            found += [parameter.opts[-1], without_password(str(one)) if name == "journal" else str(one)]
    return found


def _print(made: MadePlan, approving: str, sending: str, manner: Manner) -> None:
    from schemas.money import format_amount

    view = made.view
    if manner.as_json:
        output = str(made.output) if made.output is not None else None
        commands = {"approveCommand": approving, "runCommand": sending, "output": output}
        click.echo(json.dumps(as_json(view, manner.lang) | commands | {"exitCode": 0}, ensure_ascii=False))
        return
    if manner.quiet:
        return
    say(
        translate(
            "Plan {plan}: batch {batch} for {environment}. Payment requests: {rows}, {amount}; "
            "links e-mailed by the API: {e_mailed}",
            manner.lang,
            plan=view.name,
            batch=view.batch,
            environment=view.environment,
            rows=view.figures.to_send,
            amount=format_amount(view.figures.total, manner.lang),
            e_mailed=view.figures.e_mailed,
        )
    )
    print_page(made.output, manner)
    click.echo(translate("Another person approves it: {command}", manner.lang, command=approving))
    click.echo(translate("Then this command sends it: {command}", manner.lang, command=sending))


def print_page(output: Path | None, manner: Manner) -> None:
    """Where the page is, if there is one."""
    if output is not None:
        click.echo(translate("Page: {path}", manner.lang, path=output))


def print_view(view: PlanView, manner: Manner) -> None:
    """All that an approver looks at: on standard output, or beside the JSON that goes there."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.console import SafeConsole
    from pipeline.cli.printing import output_console
    from pipeline.report.plan_page import STATES, facts, sections

    lang = manner.lang
    console = SafeConsole(stderr=True) if manner.as_json else output_console()
    state = translate(STATES[view.state], lang)
    console.print(Text(translate("Plan {plan}: {state}", lang, plan=view.name, state=state), style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for name, text in facts(view, lang):
        table.add_row(Text(f"  {name}"), Text(text))
    console.print(table)
    for section in sections(view, lang):
        console.print()
        console.print(Text(section.title, style="bold"))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for index, heading in enumerate(section.headings):
            table.add_column(Text(heading), justify="right" if index in section.figures else "left")
        for row in section.rows:
            table.add_row(*map(Text, row))
        console.print(table)
        if section.more:
            console.print(Text(section.more))


def print_plans(views: Collection[PlanView], manner: Manner) -> None:
    """The plans that wait for their approval."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.printing import output_console
    from pipeline.messages import N_
    from schemas.money import format_amount

    lang = manner.lang
    if manner.as_json:
        click.echo(json.dumps([as_json(view, lang) for view in views], ensure_ascii=False))
        return
    if not views:
        click.echo(translate("No plan waits for approval.", lang))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for text in (N_("plan"), N_("environment"), N_("made by"), N_("made on")):
        table.add_column(translate(text, lang))
    for text in (N_("requests"), N_("amount")):
        table.add_column(translate(text, lang), justify="right")
    for view in views:
        made, amount = f"{view.made_at:%Y-%m-%d %H:%M}", format_amount(view.figures.total, lang)
        texts = (view.name, view.environment, str(view.maker), made, str(view.figures.to_send), amount)
        table.add_row(*map(Text, texts))
    output_console().print(table)


def plan_lines(view: PlanView, lang: Lang) -> Iterator[str]:
    """A plan in the story of its batch: what was done with it."""
    from pipeline.report.plan_page import STATES, history

    state = translate(STATES[view.state], lang)
    yield translate("Plan {plan}: {state}", lang, plan=view.name, state=state)
    for label, told in history(view, lang):
        yield f"    {label}: {told}" if lang == "en" else f"    {label} : {told}"


def as_json(view: PlanView, lang: Lang) -> dict[str, object]:
    """A plan for scripts. `amount` is what is sent, in dollars."""
    from schemas.faults import sentence

    figures, details = view.figures, view.details
    approval = view.approval
    return {
        "plan": view.name,
        "state": view.state.value,
        "batch": view.batch,
        "environment": view.environment,
        "file": view.file,
        "sheet": view.sheet,
        "sha256": view.sha256,
        "madeBy": str(view.maker),
        "madeAt": view.made_at.isoformat(),
        "approvedBy": str(approval.who) if approval else None,
        "approvedAt": approval.at.isoformat() if approval else None,
        "events": [_event_json(event) for event in view.events],
        "rows": figures.rows,
        "toSend": figures.to_send,
        "amount": f"{figures.total:.2f}",
        "emailed": figures.e_mailed,
        "openAmounts": figures.open_amounts,
        "notSent": [
            {
                "status": one.status.value,
                "code": one.reason.code if one.reason else "",
                "message": sentence(one.reason, lang) if one.reason else "",
                "rows": one.rows,
                "amount": f"{one.amount:.2f}",
            }
            for one in figures.left_out
        ],
        "comparedWith": figures.compared or None,
        "changes": [
            {"kind": one.kind.value, "payors": one.payors, "difference": f"{one.difference:.2f}"}
            for one in figures.changes
        ],
        "largest": [
            {"row": one.row, "reference": one.reference, "name": one.name, "amount": _money(one.amount)}
            for one in (details.largest if details else ())
        ],
        "accounts": [
            {"account": one.account, "rows": one.rows, "amount": f"{one.amount:.2f}"}
            for one in (details.accounts if details else ())
        ],
    }


def _event_json(event: PlanEvent) -> dict[str, object]:
    told: dict[str, object] = {"step": event.step.value, "who": str(event.who), "at": event.at.isoformat()}
    if event.reason:
        told["reason"] = event.reason
    if event.rows:
        told["rows"] = event.rows
    return told


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
