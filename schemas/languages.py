"""The languages in which people are spoken to."""

from typing import Final, Literal

Lang = Literal["en", "fr"]
LANGUAGES: Final[tuple[Lang, ...]] = ("en", "fr")
