"""The one place through which every text leaves: standard output and standard error, whoever writes to them.

What stands in a sheet, in the name of a file or in an answer must not act on the terminal of whoever reads it: control
characters, escapes, and characters that change the direction of writing are shown as the workbook shows them, by their
number. What the terminal can't encode is shown the same way, and one that has gone keeps nothing from being finished:
nothing here raises for it.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pipeline.system import signals

_ACTING: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb"
_UNSAFE: Final = re.compile(f"[{_ACTING}\udc80-\udcff]")
_UNSAFE_IN_LINE: Final = re.compile(f"[\n{_ACTING}\udc80-\udcff]")
_UNSAFE_IN_JSON: Final = re.compile(f"[{_ACTING}\ud800-\udfff]")
_TOGETHER: Final = re.compile(r" (?=[:;?!»$%])|(?<=«) |(?<=\d) (?=\d{3}(?!\d))")
"""French spaces: what stands at both sides of one stays on one line."""
_GLUE: Final = "\ue000"
_STDERR: Final = 2
_ERRORS: Final = "flinks-import"
"""The name of what becomes of a character that can't be encoded."""


def visible(text: str) -> str:
    """A text with nothing in it that acts on a terminal; it keeps its lines and tabs."""
    return _UNSAFE.sub(_number, text)


def in_line(text: str) -> str:
    """The same without lines: for a name in a table, which must not look like another row of it."""
    return _UNSAFE_IN_LINE.sub(_number, text)


def visible_json(text: str) -> str:
    r"""JSON with nothing in it that acts on a terminal, and with the same meaning: `\u202e` for U+202E."""
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def folded(text: str, width: int, hang: int | None = None) -> str:
    """A text as a terminal of that width shows it: folded at its words, and indented below its first words.

    A word that is longer than a line (a path, an address) stays whole, so that it can be copied. `hang` is the indent
    of the later lines; without it, that of an indented line and two more.
    """
    lines = []
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        further = " " * (hang if hang is not None else indent + 2 if indent else 0)
        kept = _TOGETHER.sub(_GLUE, line)
        whole = textwrap.wrap(
            kept,
            max(width, 20),
            subsequent_indent=further,
            expand_tabs=False,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        if hang and len(whole) > 1 and len(whole[0]) < hang:  # a path that is longer than a line
            whole[:2] = [f"{whole[0]:<{hang}}{whole[1].lstrip()}"]
        lines += whole
    return "\n".join(lines).replace(_GLUE, " ")


def say(text: str, *, err: bool = False, hang: int | None = None) -> None:
    """Write a sentence, on a terminal folded at its words."""
    stream = sys.stderr if err else sys.stdout
    if stream.isatty():
        text = folded(text, shutil.get_terminal_size().columns, hang)
    stream.write(f"{text}\n")
    stream.flush()


class Outlet:
    """A stream on its way out: the name under which everybody writes to it (`sys.stdout`).

    `raw` is the stream itself, `lost` what first kept a text from being written to it. It has no `buffer`, since click
    would write around it.
    """

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._encoding = codecs.lookup(getattr(raw, "encoding", None) or "utf-8").name
        self.unused = True
        self.lost: OSError | None = None

    @property
    def buffer(self) -> None:
        """None: nothing is written but text."""
        return

    def write(self, text: str | bytes) -> int:
        """Write a text."""
        if not isinstance(text, str):
            if not text:
                raise TypeError("no bytes")  # how click finds out
            text = bytes(text).decode()  # what click says to a shell
        self.pass_on(self._safe(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send what was written on its way."""
        try:
            self.raw.flush()
        except OSError as error:
            self.lost = self.lost or error

    def pass_on(self, text: str) -> None:
        """Write a text in which nothing acts on a terminal but what is meant to."""
        self.unused = self.unused and not text
        try:
            self.raw.write(self._encodable(text))
        except OSError as error:
            self.lost = self.lost or error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def _safe(self, text: str) -> str:
        # Whichever of the two a text is taken for, it comes out harmless; JSON keeps its meaning.
        if not text.startswith(("{", "[")):
            return visible(text)
        if self is sys.stdout:
            signals.let_end()  # half an object is none
        shown = visible_json(text)
        return shown if self._encoding == "utf-8" else shown.encode("ascii", _ERRORS).decode()

    def _encodable(self, text: str) -> str:
        """The text with what the terminal can't encode by its number."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return text.encode(self._encoding, _ERRORS).decode(self._encoding)
        return text


class _ConsoleOutlet:
    """An outlet for a console, which colours and moves by itself and shows no text unseen (`SafeConsole`)."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def write(self, text: str) -> int:
        self._outlet.pass_on(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outlet, name)


def install() -> None:
    """Make every text that this process writes leave through an outlet."""
    # Where somebody closed one of the three, a file that is opened later must not get its number.
    while (spare := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(spare)
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - as long as the process
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        with suppress(AttributeError, OSError):  # no stream, none with a number, Windows
            os.set_blocking(stream.fileno(), True)  # whoever started us reads at leisure: half an object is none
        if not isinstance(stream, Outlet):
            setattr(sys, name, Outlet(stream or Path(os.devnull).open("w", encoding="utf-8")))  # noqa: SIM115 - as above


def is_unused() -> bool:
    """Whether nothing was written to standard output."""
    return not isinstance(sys.stdout, Outlet) or sys.stdout.unused


def lost_output() -> str:
    """Why not all of standard output could be written; empty too for a reader who wanted no more (`… | head`)."""
    error = sys.stdout.lost if isinstance(sys.stdout, Outlet) else None
    return "" if error is None or isinstance(error, BrokenPipeError) else error.strerror or type(error).__name__


def for_console(*, stderr: bool) -> Any:
    """The stream for a console."""
    stream = sys.stderr if stderr else sys.stdout
    return _ConsoleOutlet(stream) if isinstance(stream, Outlet) else stream


def _number(match: re.Match[str]) -> str:
    character = match[0]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no UTF-8, as Python keeps it
        return f"\\x{ord(character) & 0xFF:02x}"
    return f"_x{ord(character):04X}_"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """By its number, as JSON does: whole in JSON and readable elsewhere."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


codecs.register_error(_ERRORS, _escaped)
