"""Names as Canadian sheets hold them (first name, last name), made up from common and less common real ones."""

from pathlib import Path

_PARTICLES = {"de", "du", "des", "le", "la", "st.", "el", "abu", "ben", "van", "von", "di", "lo", "li", "dela", "bin"}
_SUFFIXES = {"Jr", "Sr", "III", "II"}


def real_names() -> list[tuple[str, str]]:
    """First and last names: the last word is the last name, unless a particle says that it is longer."""
    return [_parts(name.split()) for name in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()]


def _parts(words: list[str]) -> tuple[str, str]:
    at = next((at for at, word in enumerate(words) if at and word.casefold() in _PARTICLES), len(words) - 1)
    if words[-1].rstrip(".") in _SUFFIXES and len(words) > 2:
        at = len(words) - 2
    return " ".join(words[:at]), " ".join(words[at:])
