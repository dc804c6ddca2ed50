"""The one place through which every text leaves: standard output and standard error, whoever writes to them.

What stands in a sheet, in the name of a file or in an answer must not act on the terminal of whoever reads it: control
characters, escapes, and characters that change the direction of writing are shown as the workbook shows them, by their
number. What the terminal can't encode is shown the same way, and one that has gone keeps nothing from being finished.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

from pipeline.system import signals

_ACTING: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb"
_UNSAFE: Final = re.compile(f"[{_ACTING}]")
_UNSAFE_IN_LINE: Final = re.compile(f"[\n{_ACTING}]")
_UNSAFE_IN_JSON: Final = re.compile(f"[{_ACTING}\ud800-\udfff]")
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


class Outlet:
    """A stream on its way out: the name under which everybody writes to it (`sys.stdout`).

    `raw` is the stream itself; `vital` says that a reader who has gone ends the program (`… | head`). It has no
    `buffer`, since click would write around it.
    """

    def __init__(self, raw: Any, *, vital: bool, shown: bool = True) -> None:
        self.raw = raw
        self.vital = vital
        self._shown = shown
        self.unused = True

    @property
    def buffer(self) -> None:
        """None: nothing is written but text."""
        return

    def write(self, text: str | bytes) -> int:
        """Write a text. Raises OSError only for a reader of standard output who has gone, or a full disk."""
        if not isinstance(text, str):
            if not text:
                raise TypeError("no bytes")  # how click finds out
            text = bytes(text).decode()  # what click says to a shell
        self.unused = self.unused and not text
        try:
            self.raw.write(self._encodable(self._safe(text) if self._shown else text))
        except OSError as error:
            self._miss(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send what was written on its way. Raises OSError as `write` does."""
        try:
            self.raw.flush()
        except OSError as error:
            self._miss(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def _safe(self, text: str) -> str:
        # Whichever of the two a text is taken for, it comes out harmless; JSON keeps its meaning.
        if not text.startswith(("{", "[")):
            return visible(text)
        if self is sys.stdout:
            signals.let_end()  # half an object is none
        return visible_json(text)

    def _encodable(self, text: str) -> str:
        """The text with what the terminal can't encode by its number."""
        encoding = getattr(self.raw, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return text.encode(encoding, _ERRORS).decode(encoding)
        return text

    def _miss(self, error: OSError) -> None:
        """What was to be said can't be: no reason to leave a run undone, if it was only said."""
        if self.vital:
            raise error


def install() -> None:
    """Make every text that this process writes leave through an outlet."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, Outlet):
            continue
        setattr(sys, name, Outlet(stream, vital=name == "stdout" and not stream.isatty()))


def is_unused() -> bool:
    """Whether nothing was written to standard output."""
    return isinstance(sys.stdout, Outlet) and sys.stdout.unused


def for_console(*, stderr: bool) -> Any:
    """The stream for a console, which colours and moves by itself and shows no text unseen (`consoles`)."""
    stream = sys.stderr if stderr else sys.stdout
    return Outlet(stream.raw, vital=stream.vital, shown=False) if isinstance(stream, Outlet) else stream


def _number(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """By its number, as JSON does: whole in JSON and readable elsewhere."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


codecs.register_error(_ERRORS, _escaped)
