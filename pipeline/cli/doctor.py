"""The command `doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.doctor import Check
    from pipeline.config.settings import Resolved


_HANG: Final = 28
"""Where what is said of a check begins."""


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import doctor
      # Pack what a helper needs to see: no cell values, no secrets.
      flinks-import doctor --bundle help.zip --sheet billing.xlsx

    Exit codes:
      0  all is well
      2  the settings or this computer need a change
      4  the API refused the credentials
      6  the API can't be reached
    """,
)
@click.option(
    "--bundle",
    type=options.FILE,
    metavar="FILE",
    help="Also pack what a helper needs into this .zip: no cell values, no secrets.",
)
@click.option(
    "--sheet", type=options.FILE, metavar="FILE", help="Also pack the shapes of this sheet's cells (Aaaa for a name)."
)
@options.journal
@options.talking
def doctor(bundle: Path | None, sheet: Path | None, **given: Any) -> int:
    """Check everything that a run needs, and say how to fix what is wrong. No request is created."""
    from pipeline.cli.printing import print_failure
    from pipeline.cli.runner import manner_of
    from pipeline.commands.doctor import examine, exit_code
    from pipeline.domain.errors import InputError, RunError, UsageError

    manner = manner_of(given)
    resolution = _Resolution(given)
    try:
        if sheet is not None and bundle is None:
            raise UsageError("--sheet requires --bundle. Name the file to write, for example --bundle help.zip.")
        if sheet is not None and not sheet.exists():
            raise InputError("There is no file {path}. Check its name and folder.", path=sheet)
        checks = list(_shown(examine(resolution, os.environ), resolution, manner))
        code = exit_code(checks)
        if manner.as_json:
            click.echo(json.dumps({"checks": _as_json(checks, manner), "exitCode": int(code)}, ensure_ascii=False))
        if bundle is not None:
            _pack(bundle, sheet, _as_json(checks, manner), resolution.resolved, manner)
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    return code


class _Resolution:
    """Finds the settings when the doctor asks for them, and keeps them for the bundle."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self.resolved: Resolved | None = None

    def __call__(self) -> Resolved:
        """The settings. Raises UsageError with all that is wrong with them."""
        from pipeline.cli.runner import settings_options
        from pipeline.config.settings import resolve

        options_given = settings_options(self._given)
        self.resolved = resolve(options_given, os.environ, self._given["config"], self._given["profile"])
        return self.resolved


def _shown(checks: Iterator[Check], resolution: _Resolution, manner: Manner) -> Iterator[Check]:
    """Print each check as soon as it is done; some wait for a server."""
    from pipeline.commands.doctor import NAMES, STATES, CheckState
    from pipeline.messages import language_of

    for check in checks:
        lang = language_of(resolution.resolved.settings.lang, os.environ) if resolution.resolved else manner.lang
        fine = check.state in {CheckState.PASS, CheckState.SKIP}
        if not manner.as_json and not (manner.quiet and fine):
            state = translate(STATES[check.state], lang)
            name = translate(NAMES[check.name], lang)
            say(f"{state:<6} {name:<20} {check.told(lang)}", hang=_HANG)
        yield check


def _as_json(checks: list[Check], manner: Manner) -> list[dict[str, Any]]:
    return [{"name": check.name, "state": check.state, "message": check.told(manner.lang)} for check in checks]


def _pack(
    bundle: Path, sheet: Path | None, checks: list[dict[str, Any]], resolved: Resolved | None, manner: Manner
) -> None:
    from pipeline.cli.console import emit_for
    from pipeline.commands.support_bundle import BundleContents, pack
    from pipeline.domain.events import OutputPlaced

    path = pack(bundle, BundleContents(checks, resolved, sheet))
    emit_for(manner)(OutputPlaced(bundle, path))
    if not manner.quiet:
        say(
            translate(
                "Written: {path}. It contains no cell values, passwords or request ids. You can "
                "send it to the person who helps you.",
                manner.lang,
                path=path,
            ),
            err=manner.as_json,
        )
