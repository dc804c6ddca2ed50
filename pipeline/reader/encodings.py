"""From bytes to letters: which encoding a text file is in, decided on the whole file.

Valid UTF-8 with accents is UTF-8: no text in another encoding is valid by chance. What is not UTF-8 is judged by what
the letters look like when it is read as each of the encodings of Canadian offices; a library is asked only when none
of them makes sense. A guess is always said.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from schemas.faults import Fault

_PIECE: Final = 1 << 20
_HEAD: Final = 1 << 16

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_OFFICE: Final = (
    ("cp1252", "Windows-1252"),
    ("mac_roman", "Mac Roman"),
    ("cp850", "DOS (850)"),
    ("latin-1", "ISO-8859-1"),
)
"""The old encodings of offices here, the likeliest first: it wins a tie."""

_WORD: Final = re.compile(rb"[0-9A-Za-z]{0,3}(?:[\x80-\xff]+[0-9A-Za-z]{0,3})+")
"""A letter beyond ASCII with what stands around it: enough to see whether it makes sense."""
_MAX_WORDS: Final = 20_000

_FRENCH: Final = frozenset("éèêëàâçùûîïôœÉÈÊËÀÂÇÙÛÎÏÔŒ")
_LIKELY: Final = frozenset("äüöæÄÜÖñÑáíóúÁÍÓÚãõåøßìòÅØÿ") | _FRENCH
"""The letters beyond ASCII of names and headings in French, and of the names that come here with people."""
_TYPESET: Final = "\u2018\u2019\u2013\u2014\xa0"
"""Single quotes, dashes and the fixed space, which stand between letters too."""
_POSSIBLE: Final = frozenset(_TYPESET + "“”«»…€°©®™¢£½¼¾²³•·ºª§")

_MISREAD: Final = re.compile(rb"\xc2[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")
"""Control characters in UTF-8 that no text has. Windows-1252 has letters there (curly quotes, dashes, œ): some program
took its text for ISO-8859-1 and saved it as UTF-8. The five that have no letter stay what they are.
"""
_MISREAD_WORD: Final = re.compile('[^\\s,;|"]*[\x80-\x9f][^\\s,;|"]*')
_AROUND: Final = 40
MEANT: Final = {code: text for code in range(0x80, 0xA0) if (text := bytes([code]).decode("cp1252", "ignore"))}
"""What these characters were meant to be, for `str.translate`."""

_ESCAPED: Final = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII: Final = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """`codec` is Python's name; `notices` say that it was guessed, and show a word by which a person can tell."""

    codec: str
    notices: tuple[Fault, ...] = ()


def encoding_of(path: Path) -> Encoding:
    """The encoding of the whole file. Raises InputError when no single one reads it."""
    head = _start(path)
    for mark, codec, name in _BOMS:
        if head.startswith(mark):
            _must_decode(path, codec, name)
            return Encoding(codec)
    wide = _wide(head)
    if wide:
        _must_decode(path, wide, "UTF-16")
        return Encoding(wide, (_guessed("UTF-16", head.decode(wide, "replace")),))
    if _decodes(path, "utf-8"):
        return Encoding("utf-8")
    _refuse_mixture(path)
    return _old(path)


def read_text(path: Path) -> tuple[str, Encoding]:
    """The whole file as text, for formats that can't be read line by line."""
    encoding = encoding_of(path)
    return path.read_text(encoding.codec), encoding


def misread_in(path: Path) -> tuple[Fault, ...]:
    """The notice that a file in UTF-8 has letters that are to be translated by `MEANT`; nothing when it has none."""
    window = b""
    with path.open("rb") as file:
        while piece := file.read(_HEAD):
            window = window[-_AROUND:] + piece
            if found := _MISREAD.search(window):
                near = window[max(found.start() - _AROUND, 0) : found.end() + _AROUND].decode("utf-8", "ignore")
                word = _MISREAD_WORD.search(near)
                return (Fault("letters-misread", value=word[0].translate(MEANT) if word else ""),)
    return ()


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _decodes(path: Path, codec: str) -> bool:
    """Whether the whole file is valid in `codec`. Holds one piece at a time."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for piece in _pieces(path):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _must_decode(path: Path, codec: str, name: str) -> None:
    """A file that says what it is must be it: a half file of UTF-16 would lose its last letters in silence."""
    if not _decodes(path, codec):
        if name == "UTF-8":
            _refuse_mixture(path)
        raise InputError(
            "{path} claims to be {encoding} text, but is not, or its end is missing. Export it again.",
            path=str(path),
            encoding=name,
        )


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of a western text is then zero."""
    pairs = len(head) // 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    if pairs and max(even, odd) > pairs * 0.4 and min(even, odd) < pairs * 0.1:
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _refuse_mixture(path: Path) -> None:
    """Refuse UTF-8 with some foreign bytes in it: read as anything else, all its good accents would be spoilt."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = line = first_bad = 0
    for piece in _pieces(path):
        text = decoder.decode(piece)
        hit = _ESCAPED.search(text)
        if hit and not first_bad:
            first_bad = line + text.count("\n", 0, hit.start()) + 1
        line += text.count("\n")
        bad += len(_ESCAPED.findall(text))
        good += len(_BEYOND_ASCII.findall(text))
    tail = decoder.decode(b"", final=True)
    if good and good >= bad + len(tail):
        raise InputError(
            "{path} is UTF-8 text, except line {line}, probably pasted from another file. "
            "Export the list again, or correct the accents on that line and save as UTF-8.",
            path=str(path),
            line=first_bad or line + 1,
        )


def _old(path: Path) -> Encoding:
    words = _words(path)
    scores = {codec: _score(words, codec) for codec, _ in _OFFICE}
    codec, name = max(_OFFICE, key=lambda one: scores[one[0]])
    if scores[codec] <= 0:
        codec, name = _ask_library(words) or (codec, name)
    if not _decodes(path, codec):
        raise InputError(
            "Can't recognize the text encoding of {path} (not UTF-8, Windows or Mac). Export it as CSV UTF-8 or .xlsx.",
            path=str(path),
        )
    return Encoding(codec, (_guessed(name, _start(path).decode(codec, "replace")),))


def _words(path: Path) -> list[bytes]:
    """The different surroundings of letters beyond ASCII in the whole file, at most `_MAX_WORDS`."""
    words: dict[bytes, None] = {}
    for piece in _pieces(path):
        words.update(dict.fromkeys(_WORD.findall(piece)))
        if len(words) > _MAX_WORDS:
            break
    return list(words)[:_MAX_WORDS]


def _score(words: Iterable[bytes], codec: str) -> int:
    """How much sense the words make when read as `codec`: likely letters in their places, less what no name has."""
    texts = (word.decode(codec, "replace") for word in words)
    return sum(_sense(text, at) for text in texts for at, char in enumerate(text) if char > "\x7f")


def _sense(text: str, at: int) -> int:
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    in_word = before.isalpha() or after.isalpha()
    in_number = before.isdecimal() and after.isdecimal()
    if char in _LIKELY:
        if in_number or _is_odd_case(before, char, after):
            return -2
        return 3 if char in _FRENCH else 2
    if char in _POSSIBLE:
        between = before.isalpha() and after.isalpha()
        return -2 if between and char not in _TYPESET else 1
    if char == "\ufffd" or "\x80" <= char < "\xa0":
        return -10
    return -3 if in_word or not char.isalpha() else -1


def _is_odd_case(before: str, char: str, after: str) -> bool:
    """A capital within a word, or a small letter before a capital: letters of another encoding, not of a name."""
    if char.isupper():
        return before.islower() or (before.isupper() and after.islower())
    return after.isupper() and (before.isupper() or not before.isalpha())


def _ask_library(words: list[bytes]) -> tuple[str, str] | None:
    """The opinion of charset-normalizer, for encodings of other parts of the world."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - seldom needed, slow to import

    best = from_bytes(b"\n".join(words)).best()
    return (best.encoding, best.encoding.replace("_", "-")) if best else None


def _guessed(name: str, text: str) -> Fault:
    """That the encoding was guessed, with the first word by which a person sees whether the guess is right."""
    word = re.search(r"\w*[^\W\d_\x00-\x7f]\w*", text)
    example = word[0] if word else ""
    code = "encoding-guessed" if example else "encoding-guessed-unseen"
    return Fault(code, value=example, details=(("encoding", name),))
