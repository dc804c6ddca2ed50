"""From parsed options to a command and back: settings, events, the result, the exit code."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.cli.console import Manner, confirm_run, emit_for, log_of
from pipeline.cli.logs import Log
from pipeline.cli.outlets import say
from pipeline.cli.printing import print_failure, print_result
from pipeline.commands import notify
from pipeline.commands.notify import Notifier, RunEnd
from pipeline.commands.options import Request, RequestedOutputs
from pipeline.config.settings import Settings, environment_name, load
from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.events import OutputPlaced
from pipeline.domain.model import Totals, Whole
from pipeline.messages import language_of, translate
from pipeline.report import metrics


def call_on_sheet(given: Mapping[str, Any]) -> int:
    """Run or rehearse a sheet as the options say; returns the exit code."""
    manner, request = manner_of(given), request_of(given)
    began = time.time()
    settings: Settings | None = None
    notifier: Notifier | None = None

    def measure(totals: Totals, code: int, whole: Whole | None = None) -> None:
        if settings is not None and not request.dry_run:  # a rehearsal has none: it would hide the last run's
            environment = environment_name(settings, in_sandbox=request.sandbox)
            measured = metrics.Measured(environment, totals, int(code), began, time.time(), whole)
            write_metrics(measured, settings, manner)

    try:
        settings = settings_of(given)
        manner = with_settings(manner, settings)
        request = replace(request, lang=manner.lang)
        with _logged(log_of(manner)):
            # Imported here, after the options were found to be right: pandas is slow to come.
            if request.dry_run:
                from pipeline.commands.validate import validate

                result = validate(request, settings, emit_for(manner))
            else:
                from pipeline.commands.run import run

                notifier = notify.notifier(settings, os.environ, manner.lang)
                confirm = partial(confirm_run, manner=manner)
                result = run(request, settings, emit_for(manner), confirm)
            log_of(manner).event(
                "ended",
                batch=result.report.batch,
                environment=result.report.environment,
                exitCode=int(result.exit_code),
                counts={status.value: count for status, count in result.totals.counts.items()},
                amounts={status.value: f"{amount:.2f}" for status, amount in result.totals.amounts.items()},
                stopped=result.failure.code if result.failure else "",
            )
    except RunError as failure:
        print_failure(failure, manner, request)
        measure(Totals(), failure.exit_code)
        tell_people([RunEnd.with_failure(request, failure)], notifier, manner)
        return failure.exit_code
    except Exception:
        measure(Totals(), ExitCode.BUG)
        raise
    print_result(result, request, manner)
    measure(result.totals, result.exit_code, result.report.whole)
    tell_people([RunEnd.with_result(result)], notifier, manner)
    return result.exit_code


def tell_people(ended: Iterable[RunEnd], notifier: Notifier | None, manner: Manner) -> None:
    """Tell people who are not here, if the settings say so. A message that does not arrive changes nothing else."""
    arrived = notifier.tell(ended) if notifier is not None else None
    if arrived is not None:
        log_of(manner).event("notified" if arrived else "notification-failed")
    if arrived is False:
        say(translate("The notification was not delivered. The run is not affected.", manner.lang), err=True)


def write_metrics(measured: metrics.Measured, settings: Settings, manner: Manner) -> None:
    """Write metrics where a file for them is named. A file that can't be written is said, and fails nothing."""
    if not settings.metrics_file:
        return
    path = Path(settings.metrics_file).expanduser()
    try:
        emit_for(manner)(OutputPlaced(path, metrics.write(path, measured)))
    except OSError as error:
        log_of(manner).event("metrics-not-written")
        say(
            translate(
                "Can't write the metrics {path} ({error}). The run is not affected. Choose "
                "another file with --metrics-file.",
                manner.lang,
                path=path,
                error=error.strerror,
            ),
            err=True,
        )


def call(given: Mapping[str, Any], body: Callable[[Settings, Manner], int]) -> int:
    """Do what a command does, with its settings; a failure becomes one sentence and its exit code."""
    manner = manner_of(given)
    try:
        settings = settings_of(given)
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    manner = with_settings(manner, settings)
    return guarded(manner, lambda: body(settings, manner))


def guarded(manner: Manner, body: Callable[[], int]) -> int:
    """Do it, and log its end; a failure becomes one sentence and its exit code."""
    try:
        with _logged(log_of(manner)):
            code = body()
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


def with_settings(manner: Manner, settings: Settings) -> Manner:
    """The same, in the language and with the log file that the settings name."""
    return replace(manner, lang=language_of(settings.lang, os.environ), log_file=settings.log_file)


def request_of(given: Mapping[str, Any]) -> Request:
    """What the user asked for, from the options that a command has."""
    return Request(**_fields_in(Request, given, but="lang"), files=outputs_of(given))


def outputs_of(given: Mapping[str, Any]) -> RequestedOutputs:
    """The files other than the workbook that the user asked for."""
    return RequestedOutputs(**_fields_in(RequestedOutputs, given))


def settings_options(given: Mapping[str, Any]) -> dict[str, object]:
    """Those of a command's options that are settings."""
    return _fields_in(Settings, given)


def _fields_in(
    kind: type[Request | RequestedOutputs | Settings], given: Mapping[str, Any], *, but: str = ""
) -> dict[str, Any]:
    """Those of a command's options that are fields of a kind."""
    return {field.name: given[field.name] for field in fields(kind) if field.name in given and field.name != but}


@contextmanager
def _logged(log: Log) -> Iterator[None]:
    """Log how a call that does not come to its end was ended: by its reason's code, never by a sentence."""
    try:
        yield
    except RunError as failure:
        log.event("refused", code=failure.code, exitCode=int(failure.exit_code))
        raise
    except Exception as error:
        log.event("fault", kind=type(error).__name__, exitCode=int(ExitCode.BUG))
        raise
