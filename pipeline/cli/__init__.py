"""The command line: options, prompts, progress, printing. Decides nothing.

Each command stands in a module of its own, which is imported when it is called: `--help` must not wait for pandas.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from pipeline.cli import outlets
from pipeline.system import signals

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("pipeline.cli.run", "Create one payment request for each valid row of a sheet."),
    "validate": ("pipeline.cli.validate", "Find every fault of a sheet; send nothing."),
    "columns": ("pipeline.cli.columns", "Show how each column of a sheet was understood."),
    "plan": ("pipeline.cli.plan", "Write what a sheet would send, for a second person to approve."),
    "template": ("pipeline.cli.template", "Write an empty billing sheet to fill in."),
    "reconcile": ("pipeline.cli.reconcile", "Match a batch with the daily reports of payments."),
    "status": ("pipeline.cli.status", "Ask the API who has paid, and write the workbook of a batch anew."),
    "resolve": ("pipeline.cli.resolve", "Record what became of a row whose outcome is unknown."),
    "cancel": ("pipeline.cli.cancel", "Cancel what is still open: the undo of a wrong upload."),
    "inbox": ("pipeline.cli.inbox", "Run every sheet of a drop folder once, for cron or as a service."),
    "batches": ("pipeline.cli.batches", "List the batches in the journal."),
    "sandbox": ("pipeline.cli.sandbox", "Serve the built-in stand-in for the API on this machine."),
    "config": ("pipeline.cli.config", "Show every setting and where it came from, or write a commented file."),
    "login": ("pipeline.cli.login", "Keep the API user and password in the system's keyring."),
    "doctor": ("pipeline.cli.doctor", "Check settings, connection, credentials and journal, and say how to mend them."),
    "journal": ("pipeline.cli.journal", "Make, back up or check the journal."),
    "completion": ("pipeline.cli.completion", "Print the completion script for bash, zsh or fish."),
}
"""Each command's module and its line in the list."""

COLLECT_AFTER: Final = (10_000, 20, 50)
"""How seldom Python looks for cycles of garbage, of which this program makes next to none.

`validate` takes a fifth less CPU for it, a run a fourteenth.
"""


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from pipeline import __version__

        click.echo(f"flinks-import {__version__}")
        ctx.exit()


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "color": True})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Say which.")
def cli() -> None:
    """Turn a billing sheet into Interac e-Transfer payment requests, and never ask a customer twice.

    Start with: flinks-import run SHEET.xlsx --sandbox
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """The console command. Ends the process with a code of `ExitCode` and never shows a traceback."""
    # SIGTERM and SIGHUP are a Ctrl-C, from the first moment: the commands that send take them over when they begin.
    signals.take_over()
    outlets.install()
    os.umask(0o077)  # whatever is made is its owner's alone; who shares something says so
    gc.set_threshold(*COLLECT_AFTER)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(arguments)
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = _code("STOPPED_EARLY")
        if "--json" in arguments and outlets.is_unused():
            _print_interrupted(code)
    signals.ignore()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        return _call(arguments)
    except click.exceptions.Abort:
        raise
    except click.ClickException as error:
        error.show()
        if "--json" in arguments:
            _print_nothing_done("usage", error.format_message(), _code("USAGE"))
        return _code("USAGE")
    except BrokenPipeError:
        # Whoever read our output has gone (`… | head`): nothing more can be said.
        sys.stderr.close()
        return _code("STOPPED_EARLY")
    except Exception as error:  # noqa: BLE001 - the last place where a fault of the program can be told
        from pipeline.cli.failing import report_bug

        return report_bug(error)


def _call(arguments: list[str]) -> int:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            # The name of a file may be anything; what is kept, or compared, must be text.
            if not os.path.lexists(argument):
                raise click.UsageError(f"This is no text in UTF-8: {argument}") from None
    code: Any = cli.main(arguments, prog_name="flinks-import", standalone_mode=False)
    signals.let_end()
    return code if isinstance(code, int) else 0


def _print_nothing_done(key: str, message: str, code: int) -> None:
    """A script that asked for JSON gets JSON, also when its options are wrong or it is interrupted at once."""
    import json

    from pipeline.cli.printing import nothing_done

    summary = {"batch": None, "file": None} | nothing_done(key, message, code)
    click.echo(json.dumps(summary, ensure_ascii=False))


def _print_interrupted(code: int) -> None:
    from pipeline.messages import say

    _print_nothing_done("run.interrupted_before", say("run.interrupted_before"), code)


def _code(name: str) -> int:
    # Imported here: --help and --version must not wait for the rest of the program.
    from pipeline.domain.errors import ExitCode

    return ExitCode[name]
