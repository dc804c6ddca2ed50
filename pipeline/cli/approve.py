"""The command `approve`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.messages import translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.config.settings import Settings
    from pipeline.domain.plan_summary import PlanView


@click.command(
    cls=Command,
    epilog="""
    Examples:
      # List the plans that wait for approval.
      flinks-import approve
      # Look at a plan, then type its total.
      flinks-import approve billing-p1
      flinks-import approve billing-p1 --total 93877.30
      flinks-import approve billing-p1 --send-back "Row 7 was billed last week"

    Exit codes:
      0  the plan is approved, or sent back
      2  the command line, the settings or the plan's name is wrong
      3  the total is wrong, or you may not approve it; nothing was changed
    """,
)
@click.argument("plan", required=False)
@click.option("--total", type=options.Money(), metavar="AMOUNT", help="The plan's total (needed without a terminal).")
@click.option("--send-back", metavar="REASON", help="Refuse the plan, or take its approval back, and say why.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and decide nothing.")
@options.page
@click.option("--sandbox", is_flag=True, help="The plan is for the built-in sandbox.")
@options.journal
@options.talking
def approve(plan: str | None, total: Decimal | None, send_back: str | None, output: Path | None, **given: Any) -> int:
    """Look at PLAN, which another person made, and approve it by typing its total. Nothing is sent.

    Without PLAN, list the plans that wait for approval.
    """
    from pipeline.cli.runner import call

    if send_back is not None and total is not None:
        raise click.UsageError(_("Give either --total or --send-back, not both."))
    if plan is None and not (total is None and send_back is None and output is None):
        raise click.UsageError(_("Name the plan. To list those that wait: flinks-import approve"))

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.plan import print_plans
        from pipeline.commands import plan as plans
        from pipeline.domain.approval import PlanState

        if plan is None:
            print_plans(plans.plans(settings, in_sandbox=given["sandbox"], states={PlanState.MADE}), manner)
            return 0
        chosen = _Chosen(plan, total, send_back, output, decides=not given["dry_run"], in_sandbox=given["sandbox"])
        _look_and_decide(chosen, settings, manner)
        return 0

    return call(given, body)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the command line says: which plan, what is decided on it, and where its page goes."""

    plan: str
    total: Decimal | None
    send_back: str | None
    output: Path | None
    decides: bool
    in_sandbox: bool

    @property
    def asks(self) -> bool:
        """Whether the total is still to be typed."""
        return self.decides and self.total is None and self.send_back is None


def _look_and_decide(chosen: _Chosen, settings: Settings, manner: Manner) -> None:
    from pipeline.cli.console import emit_for
    from pipeline.cli.plan import as_json, print_page, print_view
    from pipeline.commands import plan as plans
    from pipeline.domain.events import OutputPlaced

    name, in_sandbox = chosen.plan, chosen.in_sandbox
    view = plans.look(name, settings, in_sandbox=in_sandbox)
    # Whoever is asked sees it, whatever `-q` and `--json`; a script has the JSON.
    if chosen.asks or not (manner.quiet or manner.as_json):
        print_view(view, manner)
    page = None
    if chosen.output is not None:
        page = plans.write_page(name, chosen.output, settings, manner.lang, in_sandbox=in_sandbox)
        emit_for(manner)(OutputPlaced(chosen.output, page))
    if chosen.send_back is not None and chosen.decides:
        view = plans.send_back(name, chosen.send_back, settings, in_sandbox=in_sandbox)
    elif chosen.decides:
        plans.check_approvable(name, settings, in_sandbox=in_sandbox)
        total = chosen.total if chosen.total is not None else _typed(view, manner)
        view = plans.approve(name, total, settings, in_sandbox=in_sandbox)
    if manner.as_json:
        told = {"output": str(page) if page is not None else None, "exitCode": 0}
        click.echo(json.dumps(as_json(view, manner.lang) | told, ensure_ascii=False))
    elif not manner.quiet:
        print_page(page, manner)
        if chosen.decides:
            _tell(view, manner, sent_back=chosen.send_back is not None)


def _typed(view: PlanView, manner: Manner) -> Decimal:
    """The total as the approver types it. Raises UsageError where nobody can, WrongTotalError for what is no amount."""
    from pipeline.cli.console import ask_line
    from pipeline.config import kinds
    from pipeline.domain.errors import UsageError, WrongTotalError

    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to type the total on. Add --total AMOUNT. Nothing was approved.")
    try:
        text = ask_line(translate("Type the total of the plan to approve it:", manner.lang))
    except KeyboardInterrupt:
        text = ""
    try:
        return kinds.dollars(text)
    except kinds.InvalidValue:
        raise WrongTotalError(
            "You typed no total. Nothing was approved. To send the plan back: flinks-import approve "
            '"{plan}" --send-back REASON',
            plan=view.name,
        ) from None


def _tell(view: PlanView, manner: Manner, *, sent_back: bool) -> None:
    if sent_back:
        click.echo(translate("Plan {plan} is sent back. It can't be sent.", manner.lang, plan=view.name))
        return
    click.echo(
        translate(
            "Plan {plan} is approved. To send it: the command that `plan` printed, with --plan {plan}",
            manner.lang,
            plan=view.name,
        )
    )
