"""What every command shows of itself: options under headings, in the user's language, the frequent ones first.

Words are written plainly where a command is defined (docstring, `help="…"`, `epilog="…"`), and translated here by
gettext, as click translates its own. An epilog is printed line by line as it is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from gettext import gettext as _
from inspect import cleandoc
from itertools import pairwise
from typing import Any, Final

import click

from pipeline.cli.outlets import say
from pipeline.messages import LANG_VARIABLE, N_, language_of, speak
from schemas.languages import LANGUAGES

SECTIONS: Final[dict[str, tuple[str, str]]] = {
    N_("Sheet"): ("--sheet --mapping --map", "--split-names --hidden --allow-open-amount"),
    N_("Guards"): ("--strict --expect-total", "--expect-rows --max-amount --max-failures"),
    N_("Repeats"): ("--batch", "--identity --reference-names --repeat-window --allow-repeats --resend-unknown"),
    N_("Output"): (
        "--output --marked-copy",
        "--mended --csv --parquet --receivables --receivables-mapping --html --compare --changes-over --metrics-file",
    ),
    N_("Sending"): (
        "--sandbox --dry-run --first --yes",
        "--plan --until --send-link --concurrency --rate --dask",
    ),
    N_("Journal and settings"): ("", "--journal --config --profile"),
    N_("Messages"): ("--lang", "--json --verbose --quiet --log-json --log-file"),
}
"""The headings, each with the options below it: those of the short help, and those that only `--help-all` shows.

What is not listed here is particular to a command: it comes first, under "Options", and so do the others of a heading
of which the command has no rare option.
"""

_RARE: Final = frozenset(name for _common, rare in SECTIONS.values() for name in rare.split())
_HELP: Final = ("--help-all", "--help")
"""These are always last."""

MANY: Final = 12
"""A command with more options than this has a short help."""

NAME_WIDTH: Final = 24
"""Columns for the names of options; a longer one stands on a line of its own."""


_NO_BREAK_SPACE: Final = "\N{NO-BREAK SPACE}"
_NO_BREAK_HYPHEN: Final = "\N{NON-BREAKING HYPHEN}"
_TOGETHER: Final = re.compile(r"\[[^\]]{1,48}\]| [:;?!»]|« ")
"""A default, and French punctuation: what stays on one line."""


def choose_language(arguments: Sequence[str]) -> None:
    """Speak the language of `--lang`, the environment or the locale: before click reads the arguments."""
    chosen = ""
    for word, following in pairwise([*arguments, ""]):
        if word == "--lang":
            chosen = following
        elif word.startswith("--lang="):
            chosen = word.removeprefix("--lang=")
    if chosen in LANGUAGES:
        os.environ[LANG_VARIABLE] = chosen  # for a command whose own --lang is not given
    speak(language_of(chosen, os.environ))


class Formatter(click.HelpFormatter):
    """click's, with a colon as the language writes it, and lines that break only where one may break them."""

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        self.write(_("{heading}:").format(heading=heading) + "\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        super().write_text(_unbroken(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names with their words."""
        super().write_dl([(name, _unbroken(words)) for name, words in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """What was written."""
        return super().getvalue().replace(_NO_BREAK_SPACE, " ").replace(_NO_BREAK_HYPHEN, "-")


class Context(click.Context):
    """click's, with our formatter."""

    formatter_class = Formatter


class Command(click.Command):
    """A command whose options stand under headings, and whose short help leaves out the rare ones."""

    context_class = Context

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.help = paragraphs(self.help or "")
        self.epilog = cleandoc(self.epilog or "")
        options = [param for param in self.params if isinstance(param, click.Option)]
        if not any(option.name == "lang" for option in options):
            # It is read before click reads anything (`choose_language`).
            self.params.append(
                click.Option(
                    ["--lang"],
                    type=click.Choice(LANGUAGES),
                    expose_value=False,
                    help="The language of messages.  [default: the system's]",
                )
            )
        self._has_short_help = len(options) > MANY and any(_name(option) in _RARE for option in options)
        if self._has_short_help:
            self.params.append(
                click.Option(
                    ["--help-all"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_show_everything,
                    help="Show this message with all options.",
                )
            )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; from now on the command speaks the user's language."""
        translate_command(self)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; first say which of our variables no setting has, and whether a password is on its line."""
        if ctx.invoked_subcommand is None and self.name != "doctor":  # which has a line for each
            _name_unknown_variables(ctx)
        _warn_of_password(ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under their headings."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and not param.hidden]
        short = self._has_short_help and not ctx.meta.get(_EVERYTHING)
        shown = {_name(option): option for option in options if not (short and _name(option) in _RARE)}
        for heading, names in _placed({_name(option) for option in options}, shown).items():
            if names:
                with formatter.section(_(heading)):
                    formatter.write_dl(
                        [
                            (record[0].ljust(NAME_WIDTH), record[1])
                            for record in (help_record(shown[name], ctx) for name in names)
                        ],
                        col_max=NAME_WIDTH,
                    )
        if short:
            formatter.write_paragraph()
            formatter.write_text(
                _("{count} more options: {command} --help-all").format(
                    count=len(options) - len(shown), command=ctx.command_path
                )
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The epilog as it is written."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(f"{self.epilog}\n")


class Group(click.Group, Command):
    """A command with commands below it."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which they are defined."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, or fail with the nearest."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name.casefold(), self.list_commands(ctx), n=1)
            if near:
                hint = _("There is no command '{name}'. Did you mean '{nearest}'?")
                raise click.UsageError(hint.format(name=name, nearest=near[0]))
            ctx.fail(_("There is no command '{name}'.").format(name=name))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, and the options below them."""
        self.format_commands(ctx, formatter)
        Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, a line each."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _first_sentence(command.help or "")) for name, command in commands if command])


def help_record(option: click.Option, ctx: click.Context) -> tuple[str, str]:
    """An option's names and words, with its default once."""
    names, _words = option.get_help_record(ctx) or ("", "")
    words = option.help or ""
    if option.show_default:
        default = option.default
        shown = _("yes") if default is True else f"{default:g}" if isinstance(default, float) else default
        words += f"  [{_('default: {default}').format(default=shown)}]"
    if option.required:
        words += "  [" + _("required") + "]"
    return names, words


def words_of(command: click.Command) -> Iterator[str]:
    """Everything that a command shows and that has a translation."""
    yield from (command.help or "", command.epilog or "", command.options_metavar or "")
    for param in command.params:
        yield _placeholder(param)
        yield getattr(param, "help", None) or ""
    if isinstance(command, click.Group):
        yield command.subcommand_metavar or ""
        for child in command.commands.values():
            yield from words_of(child)


def translate_command(command: click.Command) -> None:
    """Put a command, and those below it, into the language of this process. Twice is the same as once."""
    command.help, command.epilog = _translated(command.help), _translated(command.epilog)
    command.options_metavar = _translated(command.options_metavar)
    for param in command.params:
        if placeholder := _placeholder(param):
            param.metavar = _(placeholder)
        if isinstance(param.type, click.IntRange):
            param.type.name = _("whole number")
        elif isinstance(param.type, click.FloatRange):
            param.type.name = _("number")
        if isinstance(param, click.Option):
            param.help = _translated(param.help)
    if isinstance(command, click.Group):
        command.subcommand_metavar = _translated(command.subcommand_metavar) or ""
        for child in command.commands.values():
            translate_command(child)


def paragraphs(text: str) -> str:
    """A docstring as paragraphs of one line each."""
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(text).split("\n\n"))


def _translated(text: str | None) -> str | None:
    return _(text) if text else text  # gettext's "" is the header of the catalogue


def _unbroken(text: str) -> str:
    text = _TOGETHER.sub(lambda match: match[0].replace(" ", _NO_BREAK_SPACE), text)
    return text.replace("-", _NO_BREAK_HYPHEN)


def _placeholder(param: click.Parameter) -> str:
    """The word that stands for a value: FILE; "" for choices, which are what they are."""
    if param.metavar is not None or isinstance(param, click.Option):
        return param.metavar or ""
    return "" if isinstance(param.type, click.Choice) else (param.name or "").upper()


def _first_sentence(text: str) -> str:
    return text.partition("\n")[0].partition(". ")[0].rstrip(".") + "."


def _name(option: click.Option) -> str:
    """The long name of an option, under which it is listed in `SECTIONS`."""
    return max(option.opts, key=len)


def _placed(known: Collection[str], shown: Collection[str]) -> dict[str, list[str]]:
    """The names to show under each heading. `known` are all that the command has."""
    placed: dict[str, list[str]] = {"Options": [name for name in shown if name not in _HELP]}
    for heading, (common, rare) in SECTIONS.items():
        if set(rare.split()) & set(known):
            placed[heading] = [name for name in (*common.split(), *rare.split()) if name in placed["Options"]]
            placed["Options"] = [name for name in placed["Options"] if name not in placed[heading]]
    placed[list(placed)[-1]] += [name for name in _HELP if name in shown]
    return placed


_EVERYTHING: Final = "pipeline.cli.help_all"


def _show_everything(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[_EVERYTHING] = True
        click.echo(ctx.get_help())
        ctx.exit()


def _warn_of_password(ctx: click.Context) -> None:
    from pipeline.config.passwords import has_password

    for place in (ctx.params.get("journal"), ctx.params.get("place")):
        if isinstance(place, str) and has_password(place):
            if ctx.params.get("log_json"):
                from pipeline.cli.logs import log_to

                log_to("", to_stderr=True).event("password-on-command-line")
                continue
            text = _(
                "Everybody on this computer can read the password in the journal's address while the command runs. "
                "Leave it out: keep it with flinks-import login --for-journal, in ~/.pgpass or in PGPASSWORD."
            )
            say(text, err=True)


def _name_unknown_variables(ctx: click.Context) -> None:
    # Imported here: --help must not wait for the settings.
    from pipeline.config.settings import unknown_variables

    for variable, nearest in unknown_variables(os.environ).items():
        if ctx.params.get("log_json"):
            from pipeline.cli.logs import log_to

            log_to("", to_stderr=True).event("unknown-variable", variable=variable)
            continue
        if nearest:
            hint = _("{variable} is set, but no setting has this name. Did you mean {nearest}?")
        else:
            hint = _("{variable} is set, but no setting has this name. To list them: flinks-import config show")
        say(hint.format(variable=variable, nearest=nearest), err=True)
