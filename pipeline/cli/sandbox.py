"""The command `sandbox`: options and printing for `pipeline.sandbox`, nothing else."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import click
import platformdirs

from pipeline.sandbox import SandboxOptions, serve
from pipeline.sandbox.options import PREFERRED_PORT

_CANCEL: dict[str, Literal["supported", 404, 405, 501]] = {
    "supported": "supported",
    "404": 404,
    "405": 405,
    "501": 501,
}


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PREFERRED_PORT,
    show_default=True,
    help="Where to listen. When it is taken, a free port is used; 0 always takes a free one.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that keeps the payment requests between runs.  [default: sandbox.jsonl in your data folder]",
)
@click.option(
    "--token-lifetime",
    type=click.FloatRange(min=0),
    default=599,
    show_default=True,
    help="Seconds that a token lasts.",
)
@click.option("--omit-expires-in", is_flag=True, help="Do not tell how long a token lasts.")
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
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Seconds to wait before answering each payment request.",
)
@click.option(
    "--session-lifetime",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Days after which an unpaid request expires.",
)
@click.option(
    "--settle-after",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Seconds from a payor's acceptance until the money has arrived.",
)
@click.option(
    "--cancel",
    type=click.Choice(list(_CANCEL)),
    default="supported",
    show_default=True,
    help="Whether requests can be cancelled; a number is the answer of an API that can't yet.",
)
@click.option(
    "--default-payee/--no-default-payee",
    default=True,
    show_default=True,
    help="Whether there is an account for requests that name none.",
)
@click.option("--scenarios", is_flag=True, help="Print the references that have a special effect, and stop.")
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
    scenarios: bool,
) -> None:
    """Run a stand-in for the Flinks Pay API on this computer. No money moves and no e-mail is sent.

    It prints its address and runs until you press Ctrl-C. Open the address in a browser to see what is there; the
    links in a results workbook open while it runs. User name and password are both "sandbox".

    A reference such as Happy1-0001 or Refuse400-0002 has a special effect, so that you can see what a failure looks
    like: --scenarios lists them.
    """
    if scenarios:
        _print_scenarios()
        return
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
    )
    try:
        serve(options, announce=click.echo)
    except OSError as fault:
        raise click.UsageError(f"The file {options.store} can't be used: {fault.strerror}.") from fault


def _print_scenarios() -> None:
    from pipeline.sandbox.scenarios import SCENARIOS

    width = max(len(scenario.name) for scenario in SCENARIOS)
    for scenario in SCENARIOS:
        click.echo(f"{scenario.name:<{width}}  {scenario.sentence}")
