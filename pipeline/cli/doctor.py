"""The command `doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.doctor import Check
    from pipeline.config.settings import Resolved


_STATES = {"pass": "doctor.pass", "note": "doctor.note", "fail": "doctor.fail", "skip": "doctor.skip"}
_NAMES = {
    "configuration": "doctor.name_configuration",
    "base_url": "doctor.name_base_url",
    "proxy": "doctor.name_proxy",
    "dns": "doctor.name_dns",
    "tls": "doctor.name_tls",
    "api": "doctor.name_api",
    "clock": "doctor.name_clock",
    "credentials": "doctor.name_credentials",
    "data_folder": "doctor.name_data_folder",
    "journal": "doctor.name_journal",
    "versions": "doctor.name_versions",
    "sandbox": "doctor.name_sandbox",
}


@click.command()
@click.option(
    "--bundle", type=options.FILE, help="Also pack what a helper needs into this .zip: no values, no secrets."
)
@click.option("--sheet", type=options.FILE, help="Pack the shapes of this sheet's cells too (Aaaa for a name).")
@options.journal
@options.talking
def doctor(bundle: Path | None, sheet: Path | None, **given: Any) -> int:
    """Check what a run needs, a line each, and say how to mend what is wrong. Nothing is created.

    \b
    Exit codes: 0 all is well, 2 settings or this computer, 4 credentials refused,
    6 the API can't be reached.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import manner_of
    from pipeline.cli.printing import print_failure
    from pipeline.commands.doctor import examine, exit_code
    from pipeline.domain.errors import InputError, RunError, UsageError

    manner = manner_of(given)
    resolution = _Resolution(given)
    try:
        if sheet is not None and bundle is None:
            raise UsageError("doctor.sheet_without_bundle")
        if sheet is not None and not sheet.exists():
            raise InputError("sheet.no_file", path=sheet)
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
        from pipeline.cli.calling import settings_options
        from pipeline.config.settings import resolve

        options_given = settings_options(self._given)
        self.resolved = resolve(options_given, os.environ, self._given["config"], self._given["profile"])
        return self.resolved


def _shown(checks: Iterator[Check], resolution: _Resolution, manner: Manner) -> Iterator[Check]:
    """Print each check as soon as it is done; some wait for a server."""
    from pipeline.commands.doctor import State
    from pipeline.config.settings import language_of
    from pipeline.messages import say

    for check in checks:
        lang = language_of(resolution.resolved.settings.lang, os.environ) if resolution.resolved else manner.lang
        fine = check.state in {State.PASS, State.SKIP}
        if not manner.as_json and not (manner.quiet and fine):
            state = say(_STATES[check.state], lang)
            name = say(_NAMES[check.name], lang)
            click.echo(f"{state:<6} {name:<20} {check.told(lang)}")
        yield check


def _as_json(checks: list[Check], manner: Manner) -> list[dict[str, Any]]:
    return [
        {"name": check.name, "state": check.state, "code": check.key, "message": check.told(manner.lang)}
        for check in checks
    ]


def _pack(
    bundle: Path, sheet: Path | None, checks: list[dict[str, Any]], resolved: Resolved | None, manner: Manner
) -> None:
    from pipeline.cli.screen import screen_of
    from pipeline.commands.support_bundle import Contents, pack
    from pipeline.messages import say

    path = pack(bundle, Contents(checks, resolved, sheet))
    screen_of(manner).placed(bundle, path)
    if not manner.quiet:
        click.echo(say("doctor.bundle_written", manner.lang, path=path), err=manner.as_json)
