"""From parsed options to a command and back: settings, the screen, the result, the exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from pipeline.cli.printing import print_failure, print_result
from pipeline.cli.screen import Manner, screen_of
from pipeline.commands.request import Request
from pipeline.model import Failure
from pipeline.settings import Settings, language_of, load


def call_on_sheet(given: Mapping[str, Any]) -> int:
    """Run or rehearse a sheet as the options say; returns the exit code."""
    manner, request = manner_of(given), request_of(given)
    try:
        settings = load(settings_options(given), os.environ, given["config"])
        manner = with_language(manner, settings)
        request = replace(request, lang=manner.lang)
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


def call(given: Mapping[str, Any], body: Callable[[Settings, Manner], int]) -> int:
    """Do what a command does, with its settings; a failure becomes one sentence and its exit code."""
    manner = manner_of(given)
    try:
        settings = load(settings_options(given), os.environ, given.get("config"))
        manner = with_language(manner, settings)
        return body(settings, manner)
    except Failure as failure:
        print_failure(failure, manner)
        return failure.exit_code


def manner_of(given: Mapping[str, Any]) -> Manner:
    """How the user wants to be spoken to, from the options that a command has."""
    names = {"yes", "quiet", "verbose", "log_json", "as_json"}
    lang = language_of(given.get("lang") or "", os.environ)
    return Manner(lang=lang, **{name: given[name] for name in names if name in given})


def with_language(manner: Manner, settings: Settings) -> Manner:
    """The same, in the language that the settings name."""
    return replace(manner, lang=language_of(settings.lang, os.environ))


def request_of(given: Mapping[str, Any]) -> Request:
    """What the user asked for, from the options that a command has."""
    names = {setting.name for setting in fields(Request)} - {"lang"}
    return Request(**{name: value for name, value in given.items() if name in names})


def settings_options(given: Mapping[str, Any]) -> dict[str, object]:
    """Those of a command's options that are settings."""
    names = {setting.name for setting in fields(Settings)}
    return {name: value for name, value in given.items() if name in names}
