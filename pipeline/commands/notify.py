"""Tells people that they are needed, through Apprise: by mail, Teams, Slack or whatever their URLs name.

A message has counts, dollars, names of files and the path of the workbook; no row, no payor, no session, no sentence
that could quote one. The URLs hold passwords: they are never shown nor logged. A notification that fails stops nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pipeline.config.settings import NOTIFY_VARIABLE, Settings
from pipeline.domain.errors import ExitCode, NeedsPersonError, RunError, UsageError, WrongAddressError
from pipeline.domain.model import Status, Totals
from pipeline.messages import N_, translate
from pipeline.system.file_names import readable
from schemas.languages import Lang
from schemas.money import format_amount
from schemas.workbook_names import word

if TYPE_CHECKING:
    from apprise import Apprise

    from pipeline.commands.options import Request, Result

MOST_FILES: Final = 20
"""How many files are listed one by one; the others are only counted."""


class Occasion(StrEnum):
    """What a notification can be about: the words of the setting `notify_on`."""

    ATTENTION = "attention"
    """Rows to fix, an error in the program, or a certificate or database that stops every run."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CREDENTIALS = "credentials"
    STOPPED = "stopped"
    """The next run continues by itself."""
    DONE = "done"


_OCCASIONS: Final[Mapping[ExitCode, Occasion]] = {
    ExitCode.DONE: Occasion.DONE,
    ExitCode.SOME_ROWS_NEED_FIXING: Occasion.ATTENTION,
    ExitCode.BUG: Occasion.ATTENTION,
    ExitCode.USAGE: Occasion.REFUSED,
    ExitCode.INPUT: Occasion.REFUSED,
    ExitCode.CREDENTIALS: Occasion.CREDENTIALS,
    ExitCode.UNKNOWN_OUTCOME: Occasion.UNKNOWN,
    ExitCode.STOPPED_EARLY: Occasion.STOPPED,
}
"""Whether a person is needed, by the exit code. The run that holds a batch reports it."""

_SENTENCES: Final[Mapping[Occasion, str]] = {
    Occasion.ATTENTION: N_("{name}: some rows need your attention."),
    Occasion.REFUSED: N_("{name}: refused. Nothing was sent. The reason is next to the file or on the terminal."),
    Occasion.UNKNOWN: N_(
        "{name}: the outcome of some rows is unknown. Look for them in the dashboard before you send them again."
    ),
    Occasion.CREDENTIALS: N_(
        "{name}: the API refused the credentials. Nothing more was sent. Check them with: flinks-import doctor"
    ),
    Occasion.STOPPED: N_("{name}: stopped early. The next run resumes."),
    Occasion.DONE: N_("{name}: every row has its request."),
}


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What the message has of one sheet: how its run ended, its totals if it had rows, its workbook or else the sheet.

    `place` is empty when there is nothing to open. `failure` is what ended it early or kept it from beginning, if
    anything did.
    """

    name: str
    exit_code: ExitCode
    totals: Totals | None = None
    place: str = ""
    failure: RunError | None = None

    @property
    def occasion(self) -> Occasion | None:
        """Whether a person is needed, by the exit code; what waiting may not help needs one in any case."""
        if self.exit_code is ExitCode.STOPPED_EARLY and isinstance(self.failure, NeedsPersonError):
            return Occasion.ATTENTION
        return _OCCASIONS.get(self.exit_code)

    @property
    def sentence(self) -> str:
        """Its sentence, in English."""
        if self.exit_code is ExitCode.STOPPED_EARLY and isinstance(self.failure, NeedsPersonError):
            return N_(
                "{name}: stopped early, and the next run may stop again: the API's certificate "
                "is not trusted, or the journal's database can't be reached. The reason is on "
                "the terminal or in the log."
            )
        return (
            N_("{name}: nothing was sent, because the base URL is not that of the API. Check FLINKS_BASE_URL.")
            if isinstance(self.failure, WrongAddressError)
            else _SENTENCES[_OCCASIONS[self.exit_code]]
        )

    @classmethod
    def with_result(cls, result: Result) -> Self:
        """A run that came to results."""
        place = readable(result.written.path) if result.written else ""
        return cls(result.report.source.name, result.exit_code, result.totals, place, result.failure)

    @classmethod
    def with_failure(cls, request: Request, failure: RunError) -> Self:
        """A run that could not begin."""
        return cls(readable(request.file.name), failure.exit_code, None, readable(request.file), failure)


class Notifier:
    """Who gets notifications, and about what. Make it with `notifier`."""

    def __init__(self, apprise: Apprise, occasions: Iterable[str], lang: Lang) -> None:
        self._apprise = apprise
        self._occasions = frozenset(occasions)
        self._lang = lang

    def tell(self, ended: Iterable[RunEnd]) -> bool | None:
        """Tell of those runs that are worth it, in one message; returns whether it arrived, None when none was sent.

        Never raises: the exit code still says what happened.
        """
        told = [one for one in ended if one.occasion in self._occasions]
        if not told:
            return None
        title = translate("flinks-import: files to review: {count}", self._lang, count=len(told))
        try:
            return bool(self._apprise.notify(title=title, body="\n".join(self._lines(told))))
        except Exception:  # noqa: BLE001 - a hundred services, each with its own failures
            return False

    def _lines(self, told: list[RunEnd]) -> Iterator[str]:
        for one in told[:MOST_FILES]:
            yield translate(one.sentence, self._lang, name=one.name)
            if one.totals is not None:
                yield from self._counts(one.totals)
            if one.place:
                yield translate("  to open: {path}", self._lang, path=one.place)
        if len(told) > MOST_FILES:
            yield translate("… and {count} more", self._lang, count=len(told) - MOST_FILES)
        total = sum((one.totals for one in told if one.totals is not None), Totals())
        if len(told) > 1 and total.rows:
            yield translate("Total:", self._lang)
            yield from self._counts(total)

    def _counts(self, totals: Totals) -> Iterator[str]:
        for status in Status:
            if totals.counts[status]:
                amount = format_amount(totals.amounts[status], self._lang)
                yield f"  {word(status, self._lang)}: {totals.counts[status]}, {amount}"


def notifier(settings: Settings, environ: Mapping[str, str], lang: Lang) -> Notifier | None:
    """Who tells people, if any URL is set. To be asked before anything is sent.

    Raises UsageError when the file of URLs can't be read, when Apprise is not installed, and for a URL that it does
    not know; the URL itself is not shown.
    """
    urls = [(NOTIFY_VARIABLE, url) for url in environ.get(NOTIFY_VARIABLE, "").split()]
    if not urls and settings.notify_urls_file:
        urls = list(_urls_in(Path(settings.notify_urls_file).expanduser()))
    if not urls:
        return None
    try:
        from apprise import Apprise
    except ModuleNotFoundError:
        raise UsageError(
            "Notifications are set up, but their package is not installed. Run pip install "
            '"flinks-import[notify]", or remove the addresses. Nothing was sent.'
        ) from None
    # Its lines name hosts and users, and without a handler they would go to standard error.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    logging.getLogger("apprise").propagate = False
    apprise = Apprise()
    for where, url in urls:
        if not apprise.add(url):
            raise UsageError(
                "{where}: this is not an Apprise URL. It is not shown, because it may contain a password.", where=where
            )
    return Notifier(apprise, settings.notify_on, lang)


def _urls_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each URL of a file with its line. A line that begins with `#` is a comment."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            "Can't read the file of notification addresses {path} (notify_urls_file). It "
            "takes one Apprise URL per line.",
            path=path,
        ) from None
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{path}:{number}", line.strip()
