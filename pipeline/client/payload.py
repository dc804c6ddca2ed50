"""The body of the request that creates a session: a payment in, JSON bytes out. Pure.

It decides nothing and fixes nothing: what it is given has been validated.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.domain.model import Payment
from schemas.money import from_cents, to_cents

# `number`: the API asks for a decimal number, and a float would not be the user's amount any more.
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def body(payment: Payment) -> bytes:
    """The JSON (UTF-8) that asks for one e-Transfer session.

    Absent optional fields are left out, never null (api: "Create a session"). Raises ValueError for an amount of more
    than two decimals: money is never rounded here.
    """
    request: dict[str, Any] = {"type": "e-Transfer", "direction": payment.direction, "currency": "CAD"}
    if payment.amount is not None:
        request["amount"] = from_cents(to_cents(payment.amount))
    if payment.reference_id:
        request["referenceId"] = payment.reference_id
    request["payor"] = _payor(payment)
    # All three parts of an account or none: the row was checked for it, the first stands for all.
    if payment.institution_code:
        request["payee"] = {
            "account": {
                "institutionCode": payment.institution_code,
                "transitNumber": payment.transit_number,
                "accountNumber": payment.account_number,
            }
        }
    preferences: dict[str, bool | str] = {"sendInteracLink": payment.send_link}
    if payment.language:
        preferences["language"] = payment.language
    request["options"] = {"notificationPreferences": preferences}
    return _ENCODER.encode(request)


def _payor(payment: Payment) -> dict[str, str]:
    payor = {"firstName": payment.first_name}
    if payment.middle_name:
        payor["middleName"] = payment.middle_name
    payor["lastName"] = payment.last_name
    payor["email"] = payment.email
    return payor
