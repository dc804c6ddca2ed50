"""From parsed options to a command and back: settings, the screen, the result, the exit code."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from pipeline.cli.logs import Log
from pipeline.cli.printing import print_failure, print_result
from pipeline.cli.screen import Manner, log_of, screen_of
from pipeline.commands import notify
from pipeline.commands.notify import Ended, Notifier
from pipeline.commands.request import Request, Result
from pipeline.config.settings import SANDBOX, Settings, language_of, load
from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.model import Totals, Whole
from pipeline.messages import say
from pipeline.report import metrics


def call_on_sheet(given: Mapping[str, Any]) -> int:
    """Run or rehearse a sheet as the options say; returns the exit code."""
    manner, request = manner_of(given), request_of(given)
    measure, notifier = _Measure(request), None
    try:
        settings = settings_of(given)
        manner = told_by(manner, settings)
        request = replace(request, lang=manner.lang)
        measure.to(settings, manner)
        with _logged(log_of(manner)):
            # Imported here, after the options were found to be right: pandas is slow to come.
            if request.dry_run:
                from pipeline.commands.validate import validate as command
            else:
                from pipeline.commands.run import run as command

                notifier = notify.notifier(settings, os.environ, manner.lang)
            result = command(request, settings, screen_of(manner))
            _log_result(log_of(manner), result)
    except RunError as failure:
        print_failure(failure, manner, request)
        measure.ended(Totals(), failure.exit_code)
        _notify(notifier, Ended.with_failure(request, failure), manner)
        return failure.exit_code
    except Exception:
        measure.ended(Totals(), ExitCode.BUG)
        raise
    print_result(result, request, manner)
    measure.ended(result.totals, result.exit_code, result.report.whole)
    _notify(notifier, Ended.with_result(result), manner)
    return result.exit_code


def _notify(notifier: Notifier | None, ended: Ended, manner: Manner) -> None:
    """Tell a person who is not here, if the settings say so. A message that does not arrive changes nothing else."""
    arrived = notifier.tell([ended]) if notifier is not None else None
    if arrived is not None:
        log_of(manner).event("notified" if arrived else "notification-failed")
    if arrived is False:
        click.echo(say("notify.failed", manner.lang), err=True)


def call(given: Mapping[str, Any], body: Callable[[Settings, Manner], int]) -> int:
    """Do what a command does, with its settings; a failure becomes one sentence and its exit code."""
    manner = manner_of(given)
    try:
        settings = settings_of(given)
        manner = told_by(manner, settings)
        with _logged(log_of(manner)):
            code = body(settings, manner)
            log_of(manner).event("ended", exitCode=int(code))
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    return code


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings, from the options that a command has, the environment and the file."""
    return load(settings_options(given), os.environ, given.get("config"), given.get("profile"))


def manner_of(given: Mapping[str, Any]) -> Manner:
    """How the user wants to be spoken to, from the options that a command has."""
    names = {"yes", "quiet", "verbose", "log_json", "as_json"}
    lang = language_of(given.get("lang") or "", os.environ)
    return Manner(lang=lang, **{name: given[name] for name in names if name in given})


def told_by(manner: Manner, settings: Settings) -> Manner:
    """The same, in the language and with the log file that the settings name."""
    return replace(manner, lang=language_of(settings.lang, os.environ), log_file=settings.log_file)


def request_of(given: Mapping[str, Any]) -> Request:
    """What the user asked for, from the options that a command has."""
    names = {setting.name for setting in fields(Request)} - {"lang"}
    return Request(**{name: value for name, value in given.items() if name in names})


def settings_options(given: Mapping[str, Any]) -> dict[str, object]:
    """Those of a command's options that are settings."""
    names = {setting.name for setting in fields(Settings)}
    return {name: value for name, value in given.items() if name in names}


# ---------------------------------------------------------------------------------------------------------------
# The log and the metrics of a call


@contextmanager
def _logged(log: Log) -> Iterator[None]:
    """Log how a call that does not come to its end was ended: by its reason's code, never by a sentence."""
    try:
        yield
    except RunError as failure:
        log.event("refused", code=failure.key, exitCode=int(failure.exit_code))
        raise
    except Exception as error:
        log.event("fault", kind=type(error).__name__, exitCode=int(ExitCode.BUG))
        raise


def _log_result(log: Log, result: Result) -> None:
    log.event(
        "ended",
        batch=result.report.batch,
        environment=result.report.environment,
        exitCode=int(result.exit_code),
        counts={status.value: count for status, count in result.totals.counts.items()},
        amounts={status.value: f"{amount:.2f}" for status, amount in result.totals.amounts.items()},
        stopped=result.failure.key if result.failure else "",
    )


class _Measure:
    """Takes a run's metrics, where a file for them is named. A rehearsal has none: it would hide the last run's."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._began = time.time()
        self._settings: Settings | None = None
        self._manner = Manner()

    def to(self, settings: Settings, manner: Manner) -> None:
        """From here on it is known where the metrics go."""
        self._settings, self._manner = settings, manner

    def ended(self, totals: Totals, code: int, whole: Whole | None = None) -> None:
        """Write them. A file that can't be written is said, and fails nothing."""
        if self._settings is None or not self._settings.metrics_file or self._request.dry_run:
            return
        path = Path(self._settings.metrics_file).expanduser()
        environment = SANDBOX if self._request.sandbox else self._settings.base_url.rstrip("/")
        try:
            measured = metrics.Measured(environment, totals, int(code), self._began, time.time(), whole)
            screen_of(self._manner).placed(path, metrics.write(path, measured))
        except OSError as error:
            log_of(self._manner).event("metrics-not-written")
            told = say("settings.bad_metrics_file", self._manner.lang, path=path, error=error.strerror)
            click.echo(told, err=True)
