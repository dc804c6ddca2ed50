"""What a column seems to be by what it holds: amounts that are still due, currencies, parts of an account.

Decides nothing: what it finds is asked about or said, never taken (`headings`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from schemas import money
from schemas.fields import INSTITUTIONS, Field
from schemas.languages import PAYOR_HEADINGS, folded_letters

_DUE: Final = frozenset(
    (
        *(
            "due",
            "dues",
            "owing",
            "owed",
            "owe",
            "open",
            "outstanding",
            "unpaid",
            "balance",
            "balances",
            "bal",
            "arrears",
            "left",
            "outst",
            "portion",
            "share",
        ),
        *("remaining", "remainder", "remains", "rest", "payable", "receivable", "collect", "collectible", "pay"),
        *(
            "reste",
            "restant",
            "restante",
            "restants",
            "solde",
            "soldes",
            "impaye",
            "impayes",
            "impayee",
            "payer",
            "exigible",
        ),
        *(
            "recevoir",
            "percevoir",
            "encours",
            "arriere",
            "arrieres",
            "arrerages",
            "recouvrer",
            "dus",
            "regler",
            "acquitter",
        ),
    )
)
"""Words, without accents, of which one says that an amount is what is still to be paid."""
_NOT_DUE: Final = frozenset(
    (
        *(
            "tax",
            "taxes",
            "taxe",
            "tps",
            "tvq",
            "tvh",
            "gst",
            "hst",
            "pst",
            "qst",
            "rst",
            "vat",
            "tva",
            "rate",
            "taux",
            "tarif",
        ),
        *(
            "hour",
            "hours",
            "heure",
            "heures",
            "qty",
            "quantity",
            "quantite",
            "qte",
            "unit",
            "units",
            "unite",
            "price",
            "prix",
        ),
        *(
            "discount",
            "rabais",
            "escompte",
            "remise",
            "paid",
            "paye",
            "payee",
            "payment",
            "payments",
            "paiement",
            "paiements",
            "versement",
            "versements",
        ),
        *(
            "received",
            "recu",
            "recus",
            "deposit",
            "depot",
            "acompte",
            "fee",
            "fees",
            "frais",
            "interest",
            "interet",
            "interets",
        ),
        *(
            "penalty",
            "tip",
            "pourboire",
            "shipping",
            "livraison",
            "freight",
            "cost",
            "cout",
            "percent",
            "pct",
            "credit",
        ),
        *(
            "credits",
            "adjustment",
            "ajustement",
            "refund",
            "refunded",
            "commission",
            "margin",
            "marge",
            "subtotal",
            "ht",
        ),
        *(
            "limit",
            "limite",
            "budget",
            "previous",
            "prior",
            "opening",
            "ytd",
            "exchange",
            "count",
            "age",
            "weight",
            "poids",
        ),
    )
)
"""Words of which one says that an amount is a part of the bill, or something else about it."""
_NO_AMOUNT: Final = frozenset(
    (
        *(
            "no",
            "num",
            "id",
            "code",
            "ref",
            "reference",
            "account",
            "compte",
            "phone",
            "tel",
            "telephone",
            "postal",
            "zip",
        ),
        *(
            "date",
            "day",
            "days",
            "jour",
            "jours",
            "year",
            "annee",
            "month",
            "mois",
            "transit",
            "institution",
            "row",
            "index",
        ),
    )
)
_MOST: Final = Decimal("0.8")
"""What most rows are."""
_SIZEABLE: Final = Decimal("0.2")
"""The part of an amount above which another one could be what is left of it; taxes and fees are less."""
_CENTS: Final = re.compile(r"[.,][0-9]{2}(?![0-9])|\$")

_CURRENCIES: Final = frozenset(
    (
        *(
            "cad",
            "cad$",
            "ca$",
            "c$",
            "cdn",
            "cdn$",
            "can$",
            "$ca",
            "$us",
            "us$",
            "usd",
            "usd$",
            "us",
            "eur",
            "€",
            "gbp",
            "£",
        ),
        *("aud", "a$", "nzd", "chf", "jpy", "cny", "inr", "mxn", "hkd", "hk$", "canadian dollar", "dollar canadien"),
        *("us dollar", "dollar américain", "euro"),
    )
)
_LANGUAGES: Final = frozenset(
    (
        "en",
        "fr",
        "eng",
        "fra",
        "fre",
        "english",
        "french",
        "anglais",
        "français",
        "francais",
        "en-ca",
        "fr-ca",
        "e",
        "f",
    )
)
_YES_NO: Final = frozenset(("yes", "no", "oui", "non", "y", "n", "o", "true", "false", "vrai", "faux", "x", "1", "0"))
_LINK_WORDS: Final = frozenset(("link", "lien", "send", "envoi", "envoyer", "notify", "aviser", "interac"))
_ACCOUNT_WORDS: Final = frozenset(
    ("institution", "inst", "fi", "bank", "banque", "transit", "branch", "succursale", "account", "acct", "compte")
)
_TRANSIT: Final = re.compile(r"[0-9]{5}")
_ACCOUNT: Final = re.compile(r"[0-9]{7,12}")
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class AmountColumn:
    """A column that may hold amounts: its heading, the words of it, and its first values."""

    heading: str
    words: Sequence[str]
    values: Sequence[str]

    @property
    def is_due(self) -> bool:
        """Whether the heading says that it is what is still to be paid; `du` is an article, but not at the end."""
        return not _DUE.isdisjoint(self.words) or self.words[-1:] == ["du"] or "dû" in self.heading.casefold()

    def may_be_due(self, other: AmountColumn) -> bool:
        """Whether `other` may be what is meant instead: what is due of these amounts, in words that we know or not."""
        read = [_read(value) for value in other.values if value.strip()]
        amounts = [one for one in read if one is not None]
        if not _NO_AMOUNT.isdisjoint(other.words) or len(amounts) < len(read) * _MOST or max(amounts, default=0) <= 0:
            return False
        if other.is_due:
            return True
        return not self.is_due and _NOT_DUE.isdisjoint(other.words) and self._is_part(other)

    def _is_part(self, other: AmountColumn) -> bool:
        """Whether the other amounts are equal or smaller in most rows, not always equal, and no mere tax or fee.

        A part that is the whole of some row is none; of what was paid, nothing is left.
        """
        pairs = [
            (own, part)
            for own, part in zip(map(_read, self.values), map(_read, other.values), strict=True)
            if own is not None and part is not None and own > 0
        ]
        smaller = [part for own, part in pairs if 0 <= part <= own]
        if not pairs or len(smaller) < len(pairs) * _MOST or all(own == part for own, part in pairs):
            return False
        equal = sum(1 for own, part in pairs if own == part)
        is_money = any(map(_CENTS.search, other.values)) or equal * 3 >= len(pairs)
        parts = [part / own for own, part in pairs if part]
        return is_money and (equal > 0 or (bool(parts) and median(parts) >= _SIZEABLE))


@dataclass(frozen=True, slots=True)
class ContentMatch:
    """What a column seems to be: the code of its notice, its field (None for what is no field), and some values."""

    code: str
    field: Field | None
    examples: str = ""


def match_by_content(words: Sequence[str], values: Sequence[str], *, with_account: bool) -> ContentMatch | None:
    """What a column seems to be by all its first values; None when it looks like nothing of ours.

    Digits alone mean a part of the payee's account only beside another part of it (`with_account`), or under a word for
    one. Account numbers are never shown.
    """
    filled = [value.strip() for value in values if value.strip()]
    folded = {value.casefold() for value in filled}
    if not filled:
        return None
    shown = ", ".join(list(dict.fromkeys(filled))[:_SHOWN])
    if folded <= _CURRENCIES:
        return ContentMatch("column-like-currency", Field.CURRENCY, shown)
    if folded <= _LANGUAGES and folded_letters("".join(words)) not in PAYOR_HEADINGS:
        return ContentMatch("column-like-language", None, shown)
    if folded <= _YES_NO and not _LINK_WORDS.isdisjoint(words):
        return ContentMatch("column-like-link", Field.SEND_INTERAC_LINK, shown)
    if with_account or not _ACCOUNT_WORDS.isdisjoint(words):
        return _part_of_account(words, filled, shown)
    return None


def _part_of_account(words: Sequence[str], filled: Collection[str], shown: str) -> ContentMatch | None:
    if all(value in INSTITUTIONS for value in filled):
        return ContentMatch("column-like-institution", Field.INSTITUTION_CODE, shown)
    if _ACCOUNT_WORDS.isdisjoint(words):
        return None
    if all(map(_TRANSIT.fullmatch, filled)):
        return ContentMatch("column-like-transit", Field.TRANSIT_NUMBER, shown)
    if all(map(_ACCOUNT.fullmatch, filled)):
        return ContentMatch("column-like-account", Field.ACCOUNT_NUMBER)
    return None


def _read(text: str) -> Decimal | None:
    value = money.parse(text.strip(), money.Convention.COMMA if "," in text[-3:] else money.Convention.POINT)
    return value if isinstance(value, Decimal) else None
