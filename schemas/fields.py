"""The one table of fields: every limit of the API is here and nowhere else.

Validation, messages, headings, the template and the documentation are drawn from `FIELDS`. The built-in sandbox is
the one exception: it checks by its own words, so that a mistake in this table can be seen.

Source of each rule: the API's page "Initiate an e-Transfer Session" (field specifications and body).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from schemas.languages import Lang


class Field(StrEnum):
    """The fields of a row, by the API's own names."""

    REFERENCE_ID = "referenceId"
    FIRST_NAME = "firstName"
    MIDDLE_NAME = "middleName"
    LAST_NAME = "lastName"
    EMAIL = "email"
    AMOUNT = "amount"
    CURRENCY = "currency"
    TYPE = "type"
    DIRECTION = "direction"
    SEND_INTERAC_LINK = "sendInteracLink"
    INSTITUTION_CODE = "institutionCode"
    TRANSIT_NUMBER = "transitNumber"
    ACCOUNT_NUMBER = "accountNumber"


class Kind(StrEnum):
    """How the text of a field is cleaned and checked."""

    TEXT = "text"
    NAME = "name"
    EMAIL = "email"
    AMOUNT = "amount"
    CHOICE = "choice"
    YES_NO = "yes-no"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field and its limits.

    `min_length` and `max_length` count characters of the cleaned text. `choices` are the values that the API knows;
    `path` is the place of the value in the request, outermost key first.
    """

    field: Field
    kind: Kind
    path: tuple[str, ...]
    example: str
    required: bool = False
    min_length: int = 0
    max_length: int | None = None
    choices: tuple[str, ...] = ()


ACCOUNT_FIELDS: Final = (Field.INSTITUTION_CODE, Field.TRANSIT_NUMBER, Field.ACCOUNT_NUMBER)
"""The payee's account: all three or none."""

AMOUNT_DECIMALS: Final = 2
DEFAULT_MAX_AMOUNT: Final = Decimal("25000.00")
"""Interac's business ceiling. Above it a row is invalid unless a setting says otherwise."""
NOTICE_AMOUNT: Final = Decimal("3000.00")
"""Many payors' banks stop here in a day. Above it a row gets a notice."""

TEST_INSTITUTION: Final = "999"
"""The vendor's test institution: a notice in the sandbox, an error in production."""

INSTITUTIONS: Final[dict[str, str]] = {
    "001": "BMO",
    "002": "Scotiabank",
    "003": "RBC",
    "004": "TD",
    "006": "National Bank",
    "010": "CIBC",
    "016": "HSBC Canada (now RBC)",
    "030": "Canadian Western Bank",
    "039": "Laurentian Bank",
    "219": "ATB Financial",
    "260": "Citibank Canada",
    "614": "Tangerine",
    "621": "KOHO",
    "623": "Equitable Bank",
    "809": "Central 1 Credit Union",
    "815": "Desjardins",
    "828": "Central 1 (Ontario)",
    "837": "Meridian Credit Union",
    "839": "Atlantic Central",
    "865": "Caisse populaire acadienne (UNI)",
    "879": "Credit Union Central of Manitoba",
    "889": "Credit Union Central of Saskatchewan",
    "899": "Credit Union Central Alberta",
}
"""Known institution codes. Any other code is a notice, never an error: the list is not complete."""


@cache
def institution_names() -> dict[str, tuple[str, ...]]:
    """The names of institutions by their codes, in English and French, from `institutions.toml`: to be suggested."""
    table = tomllib.loads((files("schemas") / "institutions.toml").read_text("utf-8"))
    return {code: tuple(names) for code, names in table.items()}


FIELDS: Final[tuple[FieldRule, ...]] = (
    FieldRule(Field.REFERENCE_ID, Kind.TEXT, ("referenceId",), "INV-2026-0001", max_length=100),
    FieldRule(Field.FIRST_NAME, Kind.NAME, ("payor", "firstName"), "Zoé", required=True, min_length=1, max_length=100),
    FieldRule(Field.MIDDLE_NAME, Kind.NAME, ("payor", "middleName"), "Anne", max_length=100),
    FieldRule(
        Field.LAST_NAME, Kind.NAME, ("payor", "lastName"), "Tremblay", required=True, min_length=1, max_length=100
    ),
    FieldRule(
        Field.EMAIL, Kind.EMAIL, ("payor", "email"), "zoe@example.com", required=True, min_length=1, max_length=100
    ),
    FieldRule(Field.AMOUNT, Kind.AMOUNT, ("amount",), "250.00", required=True),
    FieldRule(Field.CURRENCY, Kind.CHOICE, ("currency",), "CAD", choices=("CAD",)),
    FieldRule(Field.TYPE, Kind.CHOICE, ("type",), "e-Transfer", choices=("e-Transfer", "EFT")),
    FieldRule(Field.DIRECTION, Kind.CHOICE, ("direction",), "DEBIT", choices=("DEBIT", "CREDIT")),
    FieldRule(
        Field.SEND_INTERAC_LINK,
        Kind.YES_NO,
        ("options", "notificationPreferences", "sendInteracLink"),
        "yes",
    ),
    FieldRule(
        Field.INSTITUTION_CODE,
        Kind.DIGITS,
        ("payee", "account", "institutionCode"),
        "003",
        min_length=3,
        max_length=3,
    ),
    FieldRule(
        Field.TRANSIT_NUMBER,
        Kind.DIGITS,
        ("payee", "account", "transitNumber"),
        "30265",
        min_length=5,
        max_length=5,
    ),
    FieldRule(
        Field.ACCOUNT_NUMBER,
        Kind.DIGITS,
        ("payee", "account", "accountNumber"),
        "9876541",
        min_length=7,
        max_length=12,
    ),
)

YES: Final = "true"
NO: Final = "false"
ANSWERS: Final[dict[str, str]] = {
    **dict.fromkeys(("yes", "oui", "x", "vrai", "true", "1", "y", "o", "t", "v", "on", "✓", "✔", "☑"), YES),
    **dict.fromkeys(("no", "non", "faux", "false", "0", "n", "f", "off", "☐"), NO),
}
"""What people write for yes and no, in English and French and in lower case, as the API's boolean."""

RULES: Final[dict[Field, FieldRule]] = {rule.field: rule for rule in FIELDS}

LABELS: Final[dict[Lang, dict[str, str]]] = {
    "en": {
        Field.REFERENCE_ID: "reference",
        Field.FIRST_NAME: "first name",
        Field.MIDDLE_NAME: "middle name",
        Field.LAST_NAME: "last name",
        Field.EMAIL: "e-mail",
        Field.AMOUNT: "amount",
        Field.CURRENCY: "currency",
        Field.TYPE: "payment type",
        Field.DIRECTION: "direction",
        Field.SEND_INTERAC_LINK: "send Interac link",
        Field.INSTITUTION_CODE: "institution number",
        Field.TRANSIT_NUMBER: "transit number",
        Field.ACCOUNT_NUMBER: "bank account number",
    },
    "fr": {
        Field.REFERENCE_ID: "référence",
        Field.FIRST_NAME: "prénom",
        Field.MIDDLE_NAME: "deuxième prénom",
        Field.LAST_NAME: "nom de famille",
        Field.EMAIL: "courriel",
        Field.AMOUNT: "montant",
        Field.CURRENCY: "devise",
        Field.TYPE: "type de paiement",
        Field.DIRECTION: "direction",
        Field.SEND_INTERAC_LINK: "envoyer le lien Interac",
        Field.INSTITUTION_CODE: "numéro d'institution",
        Field.TRANSIT_NUMBER: "numéro de transit",
        Field.ACCOUNT_NUMBER: "numéro de compte bancaire",
    },
}
"""What people call a field where the sheet has no column for it. Each is a heading under which it is known."""

OWN_COLUMNS: Final = (
    "status",
    "sessionId",
    "launchUrl",
    "errors",
    "notices",
    "referenceSent",
    "amountSent",
    "attempts",
    "createdAt",
)
"""The columns that the output workbook adds behind the user's own. Recognised, and left out, when a sheet of ours is
given back to `run`."""

STATE_COLUMNS: Final = ("sessionStatus", "transactionStatus", "paid", "paidAmount", "statusAt")
"""Behind OWN_COLUMNS once the API was asked what became of the sessions."""

BATCH_PROPERTY: Final = "flinks-import-batch"
RUN_PROPERTY: Final = "flinks-import-run"
"""Document properties of our workbooks and marked copies, which spreadsheets keep when they save: the batch's name, and
when the run began that the file is of (ISO 8601, UTC)."""

FIX_COLUMN: Final = "howToFix"
"""In `Errors` and the last column of a marked copy: what to do about a row."""

FILE_COLUMN: Final = "file"
"""The last column where rows of several sheets are together: the name of the sheet that a row came from."""

ROW_COLUMN: Final = "row"
"""The first column of the output workbook: the row number in the user's own sheet."""

BEFORE_IN_ERRORS: Final = (ROW_COLUMN, "errors", FIX_COLUMN)
BEHIND_IN_ERRORS: Final = (*(name for name in OWN_COLUMNS if name != "errors"), FILE_COLUMN)
"""Our columns of `Errors` before and behind the user's own: of those behind, `status` and the ones that say something,
in this order."""


@cache
def aliases() -> dict[Field, tuple[str, ...]]:
    """The headings under which each field is known, in English and French, from `aliases.toml`.

    The API's own name comes first. Headings are compared after folding case, accents, spaces and punctuation.
    """
    return {field: (field.value, *(name for tier in tiers for name in tier)) for field, tiers in alias_tiers().items()}


@cache
def alias_tiers() -> dict[Field, tuple[tuple[str, ...], ...]]:
    """The same headings by how sure they are, the surest list first (`aliases.toml` tells how lists are used)."""
    table = _alias_table()
    return {field: tuple(tuple(tier) for tier in table[field.value]) for field in Field}


def whole_name_headings() -> tuple[str, ...]:
    """Headings that usually mean whole names: no field's alias, but worth an explanation."""
    return tuple(_alias_table()["wholeName"])


@cache
def _alias_table() -> dict[str, Any]:
    return tomllib.loads((files("schemas") / "aliases.toml").read_text("utf-8"))
