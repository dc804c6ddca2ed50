"""Every field of a create request, checked by the words of `api.md` and by nothing else of this program.

Members that `api.md` does not name are ignored. A null is refused where the vendor's page does not say `| null`
(only `referenceId` and `amount` do): optional fields are left out, not sent as null.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# The vendor's page calls the amount `number<decimal>`: this is the largest that such a number can hold.
_DECIMAL_MAX = Decimal(2**96 - 1)
_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class _Text:
    """The rule of one string: its path in the request, and what it must be."""

    path: str
    required: bool = True
    nullable: bool = False
    limit: int | None = None
    one_of: tuple[str, ...] = ()
    digits: tuple[int, int] | None = None

    @property
    def member(self) -> str:
        return self.path.rpartition(".")[2]


_TOP = (
    _Text("type", one_of=("e-Transfer",)),
    _Text("direction", one_of=("DEBIT", "CREDIT")),
    _Text("currency", one_of=("CAD",)),
    _Text("referenceId", required=False, nullable=True, limit=100),
)
_PAYOR = (
    _Text("payor.firstName", limit=100),
    _Text("payor.middleName", required=False, limit=100),
    _Text("payor.lastName", limit=100),
    _Text("payor.email", limit=100),
)
_ACCOUNT = (
    _Text("payee.account.institutionCode", digits=(3, 3)),
    _Text("payee.account.transitNumber", digits=(5, 5)),
    _Text("payee.account.accountNumber", digits=(7, 12)),
)
_LANGUAGE = _Text("options.notificationPreferences.language", required=False, one_of=("EN", "FR"))


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, its fractions as Decimal. Raises ValueError with a sentence."""
    try:
        content = json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("The body is nested too deeply.") from None
    except ArithmeticError:
        raise ValueError("A number of the body is out of range.") from None
    if not isinstance(content, dict):
        raise ValueError("The body must be a JSON object.")
    return content


def faults(request: Mapping[str, Any], *, default_payee: bool) -> dict[str, list[str]]:
    """What is wrong with a request, by field as `Payor.Email`; empty when it is right.

    default_payee: whether the client has an account for requests that name none.
    """
    found: dict[str, list[str]] = {}
    _texts(request, _TOP, found)
    _amount(request, found)
    if "payor" not in request:
        _say(found, "payor", "The payor field is required.")
    elif (payor := _object(request, "payor", found)) is not None:
        _texts(payor, _PAYOR, found)
        _email(payor, found)
    _payee(request, default_payee, found)
    _preferences(request, found)
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _say(found: dict[str, list[str]], path: str, sentence: str) -> None:
    """Add a sentence under the field's name in the API's own spelling (`payor.email` is `Payor.Email`)."""
    key = ".".join(member[0].upper() + member[1:] for member in path.split("."))
    found.setdefault(key, []).append(sentence)


def _object(parent: Mapping[str, Any], path: str, found: dict[str, list[str]]) -> dict[str, Any] | None:
    """The object at a path whose last member is in `parent`; None, with a sentence, when it is something else."""
    value = parent[path.rpartition(".")[2]]
    if isinstance(value, dict):
        return value
    _say(found, path, "The value must be an object.")
    return None


def _texts(parent: Mapping[str, Any], rules: tuple[_Text, ...], found: dict[str, list[str]]) -> None:
    for rule in rules:
        sentence = _text_fault(parent, rule)
        if sentence is not None:
            _say(found, rule.path, sentence)


def _text_fault(parent: Mapping[str, Any], rule: _Text) -> str | None:
    if rule.member not in parent:
        return f"The {rule.member} field is required." if rule.required else None
    value = parent[rule.member]
    if value is None and rule.nullable:
        return None
    if not isinstance(value, str):
        return f"The {rule.member} field must be a string."
    if rule.required and not value.strip():
        return f"The {rule.member} field is required."
    if rule.one_of and value not in rule.one_of:
        return f"The {rule.member} field must be {' or '.join(rule.one_of)}."
    if rule.limit is not None and len(value) > rule.limit:
        return f"The {rule.member} field must have at most {rule.limit} characters."
    if rule.digits is not None and not re.fullmatch(f"[0-9]{{{rule.digits[0]},{rule.digits[1]}}}", value):
        return f"The {rule.member} field must be {_span(rule.digits)} digits."
    if any("\ud800" <= character <= "\udfff" for character in value):
        return f"The {rule.member} field is not valid Unicode."
    return None


def _span(digits: tuple[int, int]) -> str:
    return str(digits[0]) if digits[0] == digits[1] else f"{digits[0]} to {digits[1]}"


def _email(payor: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    """Only what makes it impossible to deliver: exactly one @, with something on either side."""
    email = payor.get("email")
    if "Payor.Email" not in found and isinstance(email, str) and not re.fullmatch(r"[^@]+@[^@]+", email):
        _say(found, "payor.email", "The email field is not an e-mail address.")


def _amount(request: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    """A number above 0 with at most 2 decimals as it is written, or nothing: then the payor chooses."""
    value = request.get("amount")
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        _say(found, "amount", "The amount field must be a number.")
        return
    amount = Decimal(value)
    exponent = amount.as_tuple().exponent
    if amount <= 0:
        _say(found, "amount", "The amount field must be greater than 0.")
    elif isinstance(exponent, int) and exponent < -_DECIMALS:
        _say(found, "amount", f"The amount field must have at most {_DECIMALS} decimals.")
    elif amount > _DECIMAL_MAX:
        _say(found, "amount", "The amount field is too large.")


def _payee(request: Mapping[str, Any], default_payee: bool, found: dict[str, list[str]]) -> None:
    """All three parts of an account or none; without an account the client must have a default one."""
    payee = _object(request, "payee", found) if "payee" in request else {}
    if payee is None:
        return
    if "account" not in payee:
        if not default_payee:
            _say(found, "payee", "The payee field is required: no default account is configured.")
        return
    account = _object(payee, "payee.account", found)
    if account is not None:
        _texts(account, _ACCOUNT, found)


def _preferences(request: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    options = _object(request, "options", found) if "options" in request else None
    if options is None or "notificationPreferences" not in options:
        return
    path = "options.notificationPreferences"
    preferences = _object(options, path, found)
    if preferences is None:
        return
    if not isinstance(preferences.get("sendInteracLink", False), bool):
        _say(found, f"{path}.sendInteracLink", "The sendInteracLink field must be true or false.")
    _texts(preferences, (_LANGUAGE,), found)
