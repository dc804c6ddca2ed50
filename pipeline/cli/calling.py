"""From parsed options to a command and back: settings, the screen, the result, the exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.cli.printing import print_failure, print_result
from pipeline.cli.screen import Manner, screen_of
from pipeline.commands.request import Request
from pipeline.model import Failure
from pipeline.settings import Settings, load


def call_on_sheet(given: Mapping[str, Any]) -> int:
    """Run or rehearse a sheet as the options say; returns the exit code."""
    manner, request = manner_of(given), _request(given)
    try:
        settings = load(_settings(given), os.environ, given["config"])
        # Imported here, after the options were found to be right: pandas is slow to come.
        if request.dry_run:
            from pipeline.commands.validate import validate as command
        else:
            from pipeline.commands.run import run as command
        result = command(request, settings, screen_of(manner))
    except Failure as failure:
        print_failure(failure, manner, request)
        return failure.exit_code
    print_result(result, request, manner)
    return result.exit_code


def manner_of(given: Mapping[str, Any]) -> Manner:
    """How the user wants to be spoken to, from the options that a command has."""
    names = {"yes", "quiet", "verbose", "log_json", "as_json"}
    return Manner(**{name: given[name] for name in names if name in given})


def _request(given: Mapping[str, Any]) -> Request:
    names = {setting.name for setting in fields(Request)}
    return Request(**{name: value for name, value in given.items() if name in names})


def _settings(given: Mapping[str, Any]) -> dict[str, object]:
    names = {setting.name for setting in fields(Settings)}
    return {name: value for name, value in given.items() if name in names}
