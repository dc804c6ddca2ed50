"""The command `sandbox`: options and printing for `pipeline.sandbox`, nothing else."""

import os
import sys
from datetime import timedelta
from gettext import gettext as _
from pathlib import Path
from typing import Literal

import click
import platformdirs

from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.sandbox import SandboxOptions, serve
from pipeline.sandbox.options import PREFERRED_PORT
from schemas.languages import LANGUAGES, Lang

_CANCEL: dict[str, Literal["supported", 404, 405, 501]] = {
    "supported": "supported",
    "404": 404,
    "405": 405,
    "501": 501,
}


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import sandbox
      # List the references that have a special effect.
      flinks-import sandbox --scenarios
      # Stand in for a slow API that can't cancel.
      flinks-import sandbox --latency 2 --cancel 501
    """,
)
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=PREFERRED_PORT,
    show_default=True,
    help="The port to listen on. If it is taken, a free one is used; 0 always uses a free one.",
)
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that keeps the payment requests between runs.  [default: sandbox.jsonl in your data folder]",
)
@click.option(
    "--token-lifetime",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=599,
    show_default=True,
    help="How long a token is valid.",
)
@click.option("--omit-expires-in", is_flag=True, help="Do not say how long a token is valid.")
@click.option("--single-use", is_flag=True, help="Let a token create only one payment request.")
@click.option(
    "--credentials",
    type=click.Choice(["either", "basic", "form"]),
    default="either",
    show_default=True,
    help="How the user name and password may be sent.",
)
@click.option("--require-client-id", is_flag=True, help="Refuse calls without the x-client-id header.")
@click.option(
    "--latency",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="The wait before each response to a payment request.",
)
@click.option(
    "--session-lifetime",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="How long until an unpaid request expires.",
)
@click.option(
    "--settle-after",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="The time from a payor's acceptance until the money arrives.",
)
@click.option(
    "--cancel",
    type=click.Choice(list(_CANCEL)),
    default="supported",
    show_default=True,
    help="Whether requests can be cancelled; a number is the response of an API that can't.",
)
@click.option(
    "--default-payee/--no-default-payee",
    default=True,
    show_default=True,
    help="Whether the sandbox has a payee account for requests that name none.",
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    envvar="FLINKS_IMPORT_LANG",
    help="The language of the pages, where the browser does not ask for French.  [default: the system's]",
)
@click.option("--scenarios", is_flag=True, help="List the references that have a special effect.")
def sandbox(  # noqa: PLR0913 - one parameter for each option
    *,
    port: int,
    store: Path | None,
    token_lifetime: float,
    omit_expires_in: bool,
    single_use: bool,
    credentials: Literal["either", "basic", "form"],
    require_client_id: bool,
    latency: float,
    session_lifetime: float,
    settle_after: float,
    cancel: str,
    default_payee: bool,
    lang: Lang | None,
    scenarios: bool,
) -> None:
    """Run a stand-in for the Flinks Pay API on this computer. No money moves and no e-mail is sent.

    It prints its address and runs until you press Ctrl-C. Open the address in a browser; the links of a results
    workbook work while it runs. User name and password are both "sandbox".

    A reference such as Happy1-0001 or Refuse400-0002 has a special effect, so that you can see each kind of failure.
    """
    if scenarios:
        _print_scenarios()
        return
    from pipeline.messages import language_of

    options = SandboxOptions(
        port=port,
        store=store or platformdirs.user_data_path("flinks-import") / "sandbox.jsonl",
        token_lifetime=token_lifetime,
        omit_expires_in=omit_expires_in,
        single_use=single_use,
        credentials=credentials,
        require_client_id=require_client_id,
        latency=latency,
        session_lifetime=timedelta(days=session_lifetime),
        settle_after=timedelta(seconds=settle_after),
        cancel=_CANCEL[cancel],
        default_payee=default_payee,
        language="FR" if language_of(lang or "", os.environ) == "fr" else "EN",
    )

    def announce(address: str) -> None:
        click.echo(address)
        if sys.stderr.isatty():
            say(_("The practice API runs until you press Ctrl-C. User name and password: sandbox."), err=True)

    try:
        serve(options, announce=announce)
    except OSError as fault:
        raise click.UsageError(
            _("The file {path} can't be used: {error}.").format(path=options.store, error=fault.strerror)
        ) from fault


def _print_scenarios() -> None:
    from pipeline.sandbox.scenarios import SCENARIOS

    width = max(len(scenario.name) for scenario in SCENARIOS)
    for scenario in SCENARIOS:
        say(f"{scenario.name:<{width}}  {_(scenario.sentence)}", hang=width + 2)
