"""How a session looks in JSON. Amounts are numbers with their decimals and never pass through binary floating point."""

import uuid

import msgspec
from starlette.responses import Response

from pipeline.sandbox.session import Account, Payor, SandboxSession, SandboxState

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRANSACTIONS = uuid.UUID("6f3f2c52-4f5c-4a0e-9f0d-5d9a3a6b8c11")


def exact_json(content: object) -> Response:
    """A 200 with JSON in which `250.00` stays `250.00`."""
    return Response(_ENCODER.encode(content), media_type="application/json")


def details_of(session: SandboxSession, state: SandboxState) -> dict[str, object]:
    """The members of `details` that `api.md` names, and no others."""
    return {
        "sessionId": session.session_id,
        "status": state.session,
        "referenceId": session.reference_id,
        "amount": session.amount_due,
        "type": session.type,
        "direction": session.direction,
        "currency": session.currency,
        "payor": _payor(session.payor),
        "payee": {"account": _account(session.account)},
        "schedule": {"transactions": [{"id": transaction_id(session), "status": state.transaction}]},
        "createdAt": session.created_at,
    }


def _payor(payor: Payor) -> dict[str, str | None]:
    return {
        "firstName": payor.first_name,
        "middleName": payor.middle_name,
        "lastName": payor.last_name,
        "email": payor.email,
    }


def _account(account: Account) -> dict[str, str]:
    return {
        "institutionCode": account.institution_code,
        "transitNumber": account.transit_number,
        "accountNumber": account.account_number,
    }


def transaction_id(session: SandboxSession, number: int = 0) -> str:
    """Always the same for a session, so that it need not be kept; only the reports know of a further `number`."""
    return str(uuid.uuid5(_TRANSACTIONS, f"{session.session_id}/{number}" if number else session.session_id))
