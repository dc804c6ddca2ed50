"""What there is to say of a report: sentences that are made when it is known in which language, and damaged lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.messages import translate
from schemas import money
from schemas.faults import Fault, sentence
from schemas.languages import Lang
from schemas.reports import Meaning


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be said: a fault of the catalogue (of `file`), or a sentence with what fills it."""

    what: Fault | str
    params: tuple[tuple[str, str], ...] = ()
    file: str = ""

    def in_language(self, lang: Lang) -> str:
        """The sentence."""
        if isinstance(self.what, Fault):
            told = sentence(self.what, lang)
            return translate("{file}: {told}", lang, file=self.file, told=told) if self.file else told
        shown = {name: _shown(name, text, lang) for name, text in self.params}
        return translate(self.what, lang, **shown)


def _shown(name: str, text: str, lang: Lang) -> str:
    """What fills a sentence: amounts in plain dollars have a name that ends in `_amount`, as in a `Fault`."""
    return money.format_amount(Decimal(text), lang) if name.endswith("_amount") else text


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that can't be read as a payment, and why. `text` is the line as far as it can be shown.

    `amount` is what its money can still be read as, in Canadian dollars with the report's sign, and `meaning` what its
    status says: by both it is known how much is missing. None and LOOK where they can't be trusted either.
    """

    file: str
    sha256: str
    number: int
    sheet: str
    why: Remark
    text: str = field(repr=False)
    amount: Decimal | None = None
    meaning: Meaning = Meaning.LOOK


class Unreadable(Exception):
    """A line that is no payment; its remark says why."""

    def __init__(self, why: Remark) -> None:
        super().__init__()
        self.why = why
