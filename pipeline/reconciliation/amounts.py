"""The amount of a report's cell, with the sign that a report gives it: `(45.00)`, `45.00-`, `45.00 DR`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from pipeline.messages import N_
from pipeline.reconciliation.payments import CAD
from pipeline.reconciliation.remarks import Remark, Unreadable
from schemas import money
from schemas.money import Convention, Reason

_GUARDED: Final = re.compile(r"'[=+\-@\t\r\n]")
"""How an export keeps a text from being run as a formula; the apostrophe is not part of it."""
_SIDE: Final = re.compile(r"(?P<amount>.*(?:[0-9).$]|CAD))\s*(?P<side>[cd])[rt]\.?", re.IGNORECASE)
_CANADIAN: Final = frozenset(
    {"", CAD, "CDN", "C$", "$", "CA$", "CAN", "$CAD", "CAD$", "CANADIAN DOLLAR", "$CA", "$ CA"}
)
_SHOWN: Final = 40


def unguarded(text: str) -> str:
    """The text of a cell without what a spreadsheet was kept off by."""
    return text[1:] if _GUARDED.match(text) else text


def currency_of(text: str) -> str:
    """The currency's code; empty for a report that does not say, and for every way to write CAD."""
    code = " ".join(text.split()).upper().rstrip("S") if text else ""
    return "" if code in _CANADIAN else text.strip().upper()


def convention_of(text: str) -> Convention | None:
    """Which decimal mark an amount shows by itself."""
    match = _SIDE.fullmatch(text)
    return money.convention_of(match["amount"] if match else text)


def amount_of(text: str, kind: str, convention: Convention) -> Decimal:
    """The amount in dollars that a cell says. Raises Unreadable for none, and for one that would be guessed."""
    if not text:
        raise Unreadable(Remark(N_("the line has no amount")))
    if kind in "efdb":
        raise _unreadable(N_('"{text}" is not an amount'), text)
    match = _SIDE.fullmatch(text)
    plain = match["amount"].strip() if match else text
    value: Decimal | Reason = Reason.UNREADABLE
    if kind == "n":
        try:
            value = Decimal(plain)
        except ArithmeticError:
            value = Reason.UNREADABLE
    else:
        value = money.parse(plain, convention)
    if isinstance(value, Reason):
        raise _unreadable(_REASONS[value], text)
    if match and value < 0:  # a sign and a side: one of them is wrong, or both say the same
        if match["side"] in "cC":
            raise _unreadable(N_('"{text}" is not an amount'), text)
        value = -value
    settled = money.without_noise(-value if match and match["side"] in "dD" else value)
    if settled is None:
        raise _unreadable(N_('"{text}" has more than two decimals'), text)
    return settled


_REASONS: Final = {
    Reason.UNREADABLE: N_('"{text}" is not an amount'),
    Reason.SEVERAL: N_('"{text}" contains several numbers'),
    Reason.AMBIGUOUS: N_(
        '"{text}" can be read in two ways, and the other amounts of the report do not show which is right'
    ),
    Reason.FOREIGN: N_('"{text}" is in another currency'),
}


def _unreadable(sentence: str, text: str) -> Unreadable:
    return Unreadable(Remark(sentence, (("text", " ".join(text.split())[:_SHOWN]),)))
