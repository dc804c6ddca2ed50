"""The command line: options, prompts, progress, printing. Decides nothing.

Each command stands in a module of its own, which is imported when it is called: `--help` must not wait for pandas.
"""

from __future__ import annotations

import gc
import os
import sys
from gettext import gettext as _
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from pipeline.cli import outlets
from pipeline.cli.help_text import Group, choose_language
from pipeline.messages import N_, language_of, translate
from pipeline.system import signals

COMMAND_GROUPS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    N_("Send"): {
        "run": ("pipeline.cli.run", N_("Create one payment request for each valid row of a sheet.")),
        "validate": ("pipeline.cli.validate", N_("Find every error in a sheet; send nothing.")),
        "columns": ("pipeline.cli.columns", N_("Show how each column of a sheet is read.")),
        "plan": ("pipeline.cli.plan", N_("Make a plan of what a sheet would send.")),
        "approve": ("pipeline.cli.approve", N_("Look at a plan of another person, and approve it.")),
        "template": ("pipeline.cli.template", N_("Write an empty billing sheet to fill in.")),
        "resolve": ("pipeline.cli.resolve", N_("Record what happened to a row whose outcome is unknown.")),
        "web": ("pipeline.cli.web", N_("Open the local page: a month without a terminal.")),
        "cancel": ("pipeline.cli.cancel", N_("Cancel open requests: the undo of a wrong upload.")),
    },
    N_("Who has paid"): {
        "status": ("pipeline.cli.status", N_("Ask the API who has paid; update the workbook of a batch.")),
        "reconcile": ("pipeline.cli.reconcile", N_("Match a batch with the daily reports of payments.")),
    },
    N_("Records"): {
        "batches": ("pipeline.cli.batches", N_("List the batches in the journal.")),
        "journal": ("pipeline.cli.journal", N_("Create, back up or check the journal.")),
    },
    N_("Unattended"): {
        "inbox": ("pipeline.cli.inbox", N_("Run each new sheet of a drop folder, for cron or as a service.")),
    },
    N_("Set-up"): {
        "login": ("pipeline.cli.login", N_("Keep the API user and password in the system keyring.")),
        "config": ("pipeline.cli.config", N_("Show every setting and its source, or write a settings file.")),
        "doctor": ("pipeline.cli.doctor", N_("Check settings, connection, credentials and journal.")),
        "sandbox": ("pipeline.cli.sandbox", N_("Serve a practice API on this computer.")),
        "completion": ("pipeline.cli.completion", N_("Print the completion script for bash, zsh or fish.")),
    },
}
"""Each command's module and its line in the list, under the headings of the list."""

COMMANDS: Final = {name: command for group in COMMAND_GROUPS.values() for name, command in group.items()}

COLLECT_AFTER: Final = (10_000, 20, 50)
"""How seldom Python looks for cycles of garbage, of which this program makes next to none.

`validate` takes a fifth less CPU for it, a run a fourteenth.
"""


class _Commands(Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _line = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and ("." in name or os.path.lexists(name)):
            import shlex

            command = shlex.join(["flinks-import", "run", *args])
            raise click.UsageError(
                _("{name} is a file, not a command. Did you mean: {command}").format(name=name, command=command)
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for heading, commands in COMMAND_GROUPS.items():
            with formatter.section(_(heading)):
                formatter.write_dl([(name.ljust(width), _(line)) for name, (_module, line) in commands.items()])


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from pipeline import __version__

        click.echo(f"flinks-import {__version__}")
        ctx.exit()


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "color": True},
    epilog="""
    Examples:
      # Practise: no money moves, no credentials are needed.
      flinks-import run billing.xlsx --sandbox
      # Show the options of a command.
      flinks-import run --help
    """,
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """Turn a billing sheet into Interac e-Transfer payment requests. Nobody is asked twice."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """The console command. Ends the process with a code of `ExitCode` and never shows a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        # SIGTERM and SIGHUP are a Ctrl-C, from the first moment: the commands that send take them over when they begin.
        signals.take_over()
        outlets.install()
        os.umask(0o077)  # whatever is made is its owner's alone; who shares something says so
        gc.set_threshold(*COLLECT_AFTER)
        choose_language(arguments)
        code = _run(arguments)
    except (click.exceptions.Abort, KeyboardInterrupt):
        signals.let_end()
        code = _code("STOPPED_EARLY")
        _print_error(
            arguments,
            "stopped-early",
            _("Stopped before sending. Run the same command again to start over."),
            code,
        )
    if reason := outlets.lost_output():
        code = _without_output(reason, code)
    signals.ignore()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        return _call(arguments)
    except click.exceptions.Abort:
        raise
    except click.ClickException as error:
        signals.let_end()
        _print_usage_error(error)
        _print_error(arguments, "usage", _sentence(error), _code("USAGE"))
        return _code("USAGE")
    except Exception as error:  # noqa: BLE001 - the last place where a fault of the program can be told
        signals.let_end()
        from pipeline.cli.crash_report import report_bug

        _print_error(arguments, "bug", report_bug(error), _code("BUG"))
        return _code("BUG")


def _call(arguments: list[str]) -> int:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            # The name of a file may be anything; what is kept, or compared, must be text.
            if not os.path.lexists(argument):
                raise click.UsageError(_("This is not text in UTF-8: {text}").format(text=argument)) from None
    code: Any = cli.main(arguments, prog_name="flinks-import", standalone_mode=False)
    signals.let_end()
    return code if isinstance(code, int) else 0


def _print_usage_error(error: click.ClickException) -> None:
    """One line: what is wrong, and where the help is unless the line says what to type instead."""
    line = _sentence(error)
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None and not line.endswith("?") and not isinstance(error, click.exceptions.NoArgsIsHelpError):
        hint = _("Try '{command} {option}' for help.")  # click's own sentence
        line = f"{line}{'' if line.endswith('.') else '.'} {hint.format(command=context.command_path, option='--help')}"
    outlets.say(line, err=True)


def _sentence(error: click.ClickException) -> str:
    if not isinstance(error, click.NoSuchOption):
        return error.format_message()
    from difflib import get_close_matches

    near = get_close_matches(error.option_name, error.possibilities or (), n=1, cutoff=0.7)
    if not near:
        return error.message
    sentence = _("There is no option '{name}'. Did you mean '{nearest}'?")
    return sentence.format(name=error.option_name, nearest=near[0])


def _print_error(arguments: list[str], code: str, message: str, exit_code: int) -> None:
    """A script that asked for JSON gets JSON, also when its options are wrong or it is interrupted at once."""
    if "--json" not in arguments or not outlets.is_unused():
        return
    import json

    from pipeline.cli.printing import error_json, nothing_done

    told = (code, message, exit_code)
    of_run = arguments[0] in {"run", "validate"} and code != "bug"
    summary = {"batch": None, "file": None} | nothing_done(*told) if of_run else error_json(*told)
    click.echo(json.dumps(summary, ensure_ascii=False))


def _without_output(reason: str, code: int) -> int:
    """Say that standard output could not be written; returns the code of a command whose result nobody has seen."""
    sentence = translate(
        "Can't write to standard output ({reason}). Run the same command again to see the result; no request is sent "
        "twice.",
        language_of("", os.environ),
        reason=reason,
    )
    outlets.say(sentence, err=True)
    return _code("STOPPED_EARLY") if code in {0, 1} else code


def _code(name: str) -> int:
    # Imported here: --help and --version must not wait for the rest of the program.
    from pipeline.domain.errors import ExitCode

    return ExitCode[name]
