"""The languages in which people are spoken to: those who use the program, and the payors."""

import unicodedata
from typing import Final, Literal

Lang = Literal["en", "fr"]
LANGUAGES: Final[tuple[Lang, ...]] = ("en", "fr")

PAYOR_HEADINGS: Final = frozenset(
    {
        *("language", "lang", "langue", "preferredlanguage", "languepreferee", "payorlanguage", "languedupayeur"),
        *("customerlanguage", "clientlanguage", "langueduclient", "correspondencelanguage", "languedecorrespondance"),
    }
)
"""Headings, folded, of a column of the user's own that says in which language a payor reads."""

_WORDS: Final = {
    **dict.fromkeys(("en", "eng", "english", "anglais", "enca", "e", "a"), "EN"),
    **dict.fromkeys(("fr", "fra", "fre", "french", "francais", "frca", "f"), "FR"),
}


def payor_language(text: str) -> str:
    """The API's word for a payor's language, `EN` or `FR`; empty for a text that is neither."""
    return _WORDS.get(folded_letters(text), "")


def folded_letters(text: str) -> str:
    """The letters of a text, without case, accents, spaces and punctuation."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", text.casefold()) if letter.isalpha())
