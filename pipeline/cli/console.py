"""What people see of a command while it works, and what they are asked: text, and a bar on a terminal.

Everything here goes to standard error; standard output is for the result. Nothing here has personal data: counts,
amounts, names of files and environments, row numbers.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pipeline.cli.logs import Log, LogListener, log_to
from pipeline.cli.outlets import folded, for_console, visible
from pipeline.cli.progress import SendingProgress, SessionProgress
from pipeline.config.settings import SANDBOX
from pipeline.domain import events
from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.events import Emit, Event
from pipeline.domain.model import ReportRow
from pipeline.domain.session_states import Paid
from pipeline.messages import N_, Plural, translate
from pipeline.report.formatting import column_names
from pipeline.system import signals
from schemas.faults import sentence, sentences
from schemas.languages import Lang
from schemas.money import format_amount, format_number
from schemas.workbook_names import word

_YES: Final = frozenset({"y", "yes", "o", "oui"})
_NO: Final = frozenset({"", "n", "no", "non"})

SHOWN_SLIPS: Final = 5
"""Likely typing errors that are shown before the question; the sheet `Changes` has them all."""

_SLIPS: Final[dict[Decimal, str]] = {
    Decimal(10): N_("    row {row}: {now}, 10 times the previous amount ({before})"),
    Decimal(100): N_("    row {row}: {now}, 100 times the previous amount ({before})"),
    Decimal("0.1"): N_("    row {row}: {now}, a tenth of the previous amount ({before})"),
    Decimal("0.01"): N_("    row {row}: {now}, a hundredth of the previous amount ({before})"),
}


class SafeConsole(Console):
    """A console on one of the two outlets, in which a text is only ever a text.

    rich's own colours and movements reach the terminal, and nobody else's.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(file=for_console(stderr=stderr), highlight=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does; a sentence on a terminal is folded at its words, and never inside a word or a « quotation »."""
        if self.is_terminal and not self.soft_wrap and len(objects) == 1 and isinstance(objects[0], str):
            objects, options = (folded(objects[0], self.width),), options | {"soft_wrap": True}
        super().print(*objects, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as rich shows it, before rich drops some of what would act on a terminal."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is written to the terminal, in pieces: movements of rich's own, and text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


@dataclass(frozen=True, slots=True)
class Manner:
    """How the user wants to be spoken to."""

    lang: Lang = "en"
    yes: bool = False
    quiet: bool = False
    verbose: bool = False
    log_json: bool = False
    as_json: bool = False
    log_file: str = ""


class ConsoleListener:
    """Shows events to people on standard error."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._console = error_console()
        self._progress: SendingProgress | SessionProgress | None = None

    def __call__(self, event: Event) -> None:  # noqa: C901 - a line or two for each event
        """Show what has happened, if it is to be shown."""
        if self._progress is not None:
            self._progress(event)
        manner = self._manner
        match event:
            # Whatever `-q`: a memory that begins empty keeps nobody from being asked again, and somebody looks for an
            # output at its usual place.
            case events.JournalCreated(place):
                self._print(N_("New journal: {place}. It knows no earlier requests."), place=place)
            case events.OutputPlaced(wanted, path) if path != wanted:
                self._print(_placed_elsewhere(wanted, path), wanted=wanted, path=path)
            case events.RunPlanned() if not manner.quiet or _must_ask(event, manner):
                for line in announced(event, manner.lang):
                    self._console.print(line, markup=False)
                for line in _slips(event, manner.lang):
                    self._warn(line)
            case events.FirstSent(rows, columns):
                names = column_names(columns, manner.lang)
                for row in rows:
                    self._show_first(row, names)
            case events.RowNeedsFixing(row, messages):
                for message in messages:
                    self._print(N_("  row {row}: {told}"), row=row.row.number, told=message)
            case events.SendingEnded() | events.AskingEnded():
                self._progress = None
            case _ if not manner.quiet:
                self._show(event)

    def _show_first(self, row: ReportRow, names: Mapping[str, str]) -> None:
        """One of the first rows: to a person who is here whom it asked for how much, and the link; never in a log."""
        lang, payment = self._manner.lang, row.payment
        told = {"row": row.row.number, "status": word(row.status, lang), "told": sentences(row.errors, lang, names)}
        if payment is None or not self._console.is_terminal:
            self._print(N_("  row {row}: {status}  {told}"), **told)
            return
        self._print(
            N_("  row {row}: {reference}, {name}, {amount}: {status}  {told}"),
            reference=payment.reference_id or "-",
            name=f"{payment.first_name} {payment.last_name}",
            amount="-" if payment.amount is None else format_amount(payment.amount, lang),
            **told,
        )
        if row.launch_url:
            # Folded by the terminal, not by us: a link in two pieces can't be followed or copied.
            self._console.print(f"    {row.launch_url}", markup=False, soft_wrap=True)

    def _show(self, event: Event) -> None:  # noqa: C901, PLR0912 - as above
        verbose = self._manner.verbose
        match event:
            case events.ReadingBegan(file):
                self._print(N_("Reading {file}"), file=file.name)
            case events.RowsChecked(rows) if verbose:
                self._print(N_("rows checked: {rows}"), rows=rows)
            case events.CorrectionsApplied(corrections, left_out, elsewhere):
                for text in _applied(corrections, left_out, elsewhere, self._manner.lang):
                    self._print(N_("  Note: {told}"), told=text)
            case events.DraftChoicesTaken(batch, reading):
                parts = [translate("batch {batch}", self._manner.lang, batch=batch)] if batch else []
                parts += [translate("how the sheet is read", self._manner.lang)] if reading else []
                self._print(N_("  Note: as chosen on the local page: {told}"), told=", ".join(parts))
            case events.RepeatsReleased(rows):
                self._print(N_("  Note: rows sent though they look like repeats, by decision: {count}"), count=rows)
            case events.SheetNoticed(notices):
                for notice in sorted(notices, key=lambda notice: not notice.touches_money):
                    words = sentence(notice, self._manner.lang)
                    if notice.touches_money:
                        self._warn(translate("  Warning: {told}", self._manner.lang, told=words))
                    else:
                        self._print(N_("  Note: {told}"), told=words)
            case events.SandboxStarted(base_url) if verbose:
                self._print(N_("Built-in sandbox at {base_url}"), base_url=base_url)
            case events.WritingBegan() if verbose:
                self._print(N_("Writing the workbook"))
            case events.SendingBegan(total, rate):
                self._progress = SendingProgress(self._console, self._manner.lang, total, rate)
            case events.AskingBegan(total) if total:
                task = translate("Checking states", self._manner.lang)
                self._progress = SessionProgress(self._console, self._manner.lang, task, total)
            case events.WatchPaused(payments, seconds):
                told = {"paid": Paid.YES, "open": Paid.NOT_YET, "no": Paid.NO}
                counts = {name: payments.counts[paid] for name, paid in told.items()}
                self._print(
                    N_("{time}  paid: {paid}, not yet: {open}, no: {no}; next check in {seconds} s (Ctrl-C to quit)"),
                    time=time.strftime("%H:%M:%S"),
                    seconds=f"{seconds:g}",
                    **counts,
                )
            case events.OutageBegan(_, seconds):
                self._print(
                    N_("{time}  no usable response from the API; next check in {seconds} s (Ctrl-C to quit)"),
                    time=time.strftime("%H:%M:%S"),
                    seconds=f"{seconds:g}",
                )

    def _warn(self, line: str) -> None:
        """What may change how much is asked for, or where it goes, stands out."""
        self._console.print(line, markup=False, style="bold yellow")

    def _print(self, text: str, **params: object) -> None:
        self._console.print(translate(text, self._manner.lang, **params).rstrip(), markup=False)


def log_of(manner: Manner) -> Log:
    """The log that the user's options ask for. Raises UsageError when its file can't be written."""
    return log_to(manner.log_file, to_stderr=manner.log_json)


def emit_for(manner: Manner) -> Emit:
    """To the log that the user's options ask for, and to the terminal unless the log speaks there (`--log-json`).

    Raises UsageError when the file of the log can't be written.
    """
    log = LogListener(log_of(manner))
    if manner.log_json:
        return log
    shown = ConsoleListener(manner)

    def emit(event: Event) -> None:
        log(event)
        shown(event)

    return emit


def error_console() -> SafeConsole:
    """Standard error: a sentence is folded at its words on a terminal, and never in a file or pipe."""
    return SafeConsole(stderr=True, soft_wrap=not sys.stderr.isatty())


def _placed_elsewhere(wanted: Path, path: Path) -> str:
    """Why an output is not where it was wanted."""
    if path.parent != wanted.parent:
        return N_("Can't write {wanted}: its folder is missing or not writable. Written instead: {path}")
    if wanted.suffix.casefold() == ".xlsx":
        return N_(
            "{wanted} was not overwritten: it is open, was changed, or is not the last "
            "workbook of this batch. Written instead: {path}"
        )
    return N_("{wanted} already exists and was not overwritten. Written instead: {path}")


# ---------------------------------------------------------------------------------------------------------------
# Asking


def announced(planned: events.RunPlanned, lang: Lang) -> Iterator[str]:
    """What is going to happen, in a few lines."""
    amount = format_amount(planned.amount, lang)
    text = (
        N_("Batch {batch}, for the built-in sandbox (practice: no money moves, no e-mail is sent)")
        if planned.environment == SANDBOX
        else N_("Batch {batch}, for {environment}")
    )
    yield translate(text, lang, batch=planned.batch, environment=planned.environment)
    yield translate("  payment requests to send: {rows}, {amount}", lang, rows=planned.to_send, amount=amount)
    for count, text in (
        (planned.e_mailed, N_("  links e-mailed by the API: {count}")),
        (planned.to_send - planned.e_mailed, N_("  links to send yourself (sheet Links of the workbook): {count}")),
        (planned.kept, N_("  kept, already have their request: {count}")),
        (planned.invalid, N_("  not sent, invalid: {count}")),
        (planned.left_out, N_("  left out by a person: {count}")),
        (planned.held, N_("  held, possible repeats: {count}")),
        (planned.unknown, N_("  to review before they are sent again, outcome unknown: {count}")),
    ):
        if count:
            yield translate(text, lang, count=count)
    if (until := planned.until) is not None:
        # A time of day that is just past means tomorrow's: said with its date, or nobody would know.
        text = (
            N_("  sending stops today at {time} (--until)")
            if until.date() == datetime.now(until.tzinfo).date()
            else N_("  sending stops on {date} at {time} (--until)")
        )
        yield translate(text, lang, time=f"{until:%H:%M}", date=until.date())


def _applied(corrections: int, left_out: int, elsewhere: int, lang: Lang) -> Iterator[str]:
    """What people changed of the sheet without touching its file."""
    counted = (
        (corrections, Plural("{count} correction", "{count} corrections")),
        (left_out, Plural("{count} row left out", "{count} rows left out")),
    )
    if told := ", ".join(translate(text, lang, count=count) for count, text in counted if count):
        yield translate("applied to this sheet: {told}", lang, told=told)
    if elsewhere:
        yield translate(
            "rows of other sheets of this file with changes, which are not read now: {count}", lang, count=elsewhere
        )


def _slips(planned: events.RunPlanned, lang: Lang) -> Iterator[str]:
    """Amounts that look like typing errors, for whoever is asked next."""
    count = len(planned.slips)
    if count:
        yield translate(
            "  Warning: likely typing errors, compared with batch {batch}: {count}",
            lang,
            batch=planned.compared,
            count=count,
        )
    for slip in planned.slips[:SHOWN_SLIPS]:
        assert slip.factor and slip.before and slip.now  # noqa: PT018 - what makes it a slip
        now, before = format_amount(slip.now, lang), format_amount(slip.before, lang)
        yield translate(_SLIPS[slip.factor], lang, row=slip.rows[0], now=now, before=before)
    if count > SHOWN_SLIPS:
        yield "  " + translate("  … and {count} more", lang, count=count - SHOWN_SLIPS)


def _must_ask(planned: events.RunPlanned, manner: Manner) -> bool:
    return planned.environment != SANDBOX and not manner.yes


def confirm_run(question: events.RunPlanned | events.FirstSent, manner: Manner) -> bool:
    """Ask before anything is sent, except to the sandbox, and whether the others follow the first.

    Raises UsageError where nobody can answer the first question; the second is then answered with no.
    """
    lang = manner.lang
    match question:
        case events.FirstSent(left=left, amount=amount):
            text = Plural(
                "Send the other payment request, {amount}?", "Send the other {count} payment requests, {amount}?"
            )
            told = {"count": format_number(left, lang), "amount": format_amount(amount, lang)}
            return sys.stdin.isatty() and _ask(translate(text, lang, **told), lang)
        case events.RunPlanned(to_send=to_send, amount=amount, production=production):
            text = (
                Plural(
                    "Send {count} payment request, {amount}, to a real customer?",
                    "Send {count} payment requests, {amount}, to real customers?",
                )
                if production
                else Plural("Send {count} payment request, {amount}?", "Send {count} payment requests, {amount}?")
            )
            told = {"count": format_number(to_send, lang), "amount": format_amount(amount, lang)}
            return confirm(
                translate(text, lang, **told),
                manner,
                safe=not _must_ask(question, manner),
                nobody=N_(
                    "There is no terminal to confirm on. Add --yes to send without confirmation. Nothing was sent."
                ),
            )


def confirm(
    question: str,
    manner: Manner,
    *,
    safe: bool,
    nobody: str = N_(
        "There is no terminal to confirm on. Add --yes to continue without confirmation. Nothing was changed."
    ),
) -> bool:
    """Ask before something is changed, unless it is `safe` (the sandbox) or `--yes` was given.

    Raises UsageError with the sentence `nobody` where nobody can answer, StoppedEarlyError for Ctrl-C.
    """
    if safe or manner.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(nobody)
    return _ask(question, manner.lang)


def ask_line(prompt: str) -> str:
    """A line from the terminal, without the blanks around it; empty for Enter alone and at the end of the input."""
    console = error_console()
    try:
        _drop_type_ahead()
        console.print(Text(visible(f"{prompt} ")), end="")
        _wait_for_a_line()
        return console.input().strip()
    except (EOFError, click.Abort):
        return ""


def _ask(question: str, lang: Lang) -> bool:
    """A yes or no from the terminal. Enter alone, or the end of the input, is a no."""
    prompt = translate("{question} [y/N]", lang, question=question)
    try:
        while True:
            answer = ask_line(prompt).casefold()
            if answer in _YES or answer in _NO:
                return answer in _YES
            prompt = translate("Answer y or n:", lang)
    except KeyboardInterrupt:
        raise StoppedEarlyError("Stopped before sending. Run the same command again to start over.") from None


def prompt(question: str, lang: Lang, **options: Any) -> str:
    """A text from the terminal. Raises click's Abort when the person goes."""
    suffix = "\N{NO-BREAK SPACE}: " if lang == "fr" else ": "
    return str(click.prompt(question, err=True, prompt_suffix=suffix, **options))


def _drop_type_ahead() -> None:
    """Forget what was typed before the question was shown: it is no answer to it."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _wait_for_a_line() -> None:
    """Return when something can be read from the terminal; a signal is handled at once.

    `input` alone overhears a signal that comes in the instant before it begins to read: its handler runs when the
    person has answered. What a signal writes into the pipe is kept until somebody looks.
    """
    if sys.platform == "win32":
        return  # select takes no terminal there
    with signals.waking() as heard:
        select.select([sys.stdin, heard], [], [])
