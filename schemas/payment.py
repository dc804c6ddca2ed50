"""The pandera schema of an e-Transfer session, built from the table of fields.

It judges cleaned text: one `str` column a field, `""` for blank, and a missing value for a cell that the cleaning has
already found at fault, on which nothing more is said. Every check is named by the code of its fault, and a lazy
validation gives all faults of all rows at once. No limit stands here: each is drawn from `schemas.fields`.

pandas and pandera cost half a second to import, so only what validates imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

import pandas as pd
import pandera.pandas as pa

from schemas.faults import Details
from schemas.fields import (
    ACCOUNT_FIELDS,
    AMOUNT_DECIMALS,
    DEFAULT_MAX_AMOUNT,
    FIELDS,
    RULES,
    Field,
    FieldRule,
    Kind,
)

ACCOUNT: Final = "payee.account"
"""A column made of the three account columns: which of them are filled, as `110`. All three or none."""

YES: Final = "true"
NO: Final = "false"

_DECIMAL_TEXT: Final = r"-?[0-9]+(?:\.[0-9]+)?"

Verdict = Callable[["pd.Series[str]"], "pd.Series[bool]"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user may set about the limits of `schemas.fields`. Amounts in dollars."""

    max_amount: Decimal = DEFAULT_MAX_AMOUNT
    open_amount: bool = False
    direction: str = "DEBIT"


@dataclass(frozen=True, slots=True)
class Failures:
    """All failures of one check on one column: the rows' positions in the table, and what fills the sentence."""

    field: str
    code: str
    rows: Sequence[int]
    details: Details


def table(columns: Mapping[Field, Sequence[str | None]]) -> pd.DataFrame:
    """The cleaned texts as the schema reads them. A text is never read as a missing value, whatever it says."""
    frame = pd.DataFrame({field.value: _texts(texts) for field, texts in columns.items()})
    parts = [frame[field].ne("") for field in ACCOUNT_FIELDS if field in columns]
    if len(parts) == len(ACCOUNT_FIELDS):
        frame[ACCOUNT] = [f"{a:d}{b:d}{c:d}" for a, b, c in zip(*parts, strict=True)]
    return frame


def _texts(texts: Sequence[str | None]) -> pd.Series[str]:
    return pd.Series(texts, dtype="str")  # type: ignore[arg-type]  # None is the missing value of this type


@lru_cache(maxsize=8)
def schema(limits: Limits) -> pa.DataFrameSchema:
    """The schema of a table of payments under `limits`."""
    columns = {rule.field.value: _column(rule, limits) for rule in FIELDS}
    whole_or_none = pa.Check(lambda filled: filled.isin(("000", "111")), name="account-incomplete")
    columns[ACCOUNT] = pa.Column(checks=[whole_or_none], required=False)
    return pa.DataFrameSchema(columns)


def failures(frame: pd.DataFrame, limits: Limits) -> Iterator[Failures]:
    """Every failure of the table, a check at a time, in the order of the fields."""
    try:
        schema(limits).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        for error in found.schema_errors:
            rows = error.failure_cases["index"].tolist()
            column, code = error.schema.name, error.check.name
            if column == ACCOUNT:
                yield from _incomplete(frame[ACCOUNT].tolist(), rows)
            else:
                yield Failures(column, code, rows, _details(RULES[Field(column)], code, limits))


def _column(rule: FieldRule, limits: Limits) -> pa.Column:
    """The checks of one field. `nullable`: what the cleaning has faulted is not judged twice."""
    checks = [pa.Check(verdict, name=code) for code, verdict in _verdicts(rule, limits).items()]
    return pa.Column("str", checks=checks, nullable=True, required=rule.required)


def _verdicts(rule: FieldRule, limits: Limits) -> dict[str, Verdict]:
    """The checks of one field by their codes. Each passes a blank cell but `missing`, and what another one fails."""
    verdicts: dict[str, Verdict] = {}
    if rule.required and not (rule.field is Field.AMOUNT and limits.open_amount):
        verdicts["missing"] = lambda texts: texts.ne("")
    match rule.kind:
        case Kind.AMOUNT:
            verdicts |= _amount_verdicts(limits.max_amount)
        case Kind.DIGITS:
            verdicts |= _digit_verdicts(rule)
        case Kind.CHOICE:
            verdicts |= _choice_verdicts(rule, limits)
        case Kind.YES_NO:
            verdicts["yes-no-unreadable"] = lambda texts: texts.isin(("", YES, NO))
        case Kind.EMAIL:
            verdicts["email-invalid"] = lambda texts: texts.eq("") | texts.str.fullmatch(r"[^@\s]+@[^@\s]+")
            verdicts["too-long"] = _at_most(rule.max_length)
        case Kind.NAME | Kind.TEXT:
            verdicts["too-long"] = _at_most(rule.max_length)
    return verdicts


def _at_most(limit: int | None) -> Verdict:
    assert limit is not None
    return lambda texts: texts.str.len().le(limit)


def _amount_verdicts(highest: Decimal) -> dict[str, Verdict]:
    return {
        "amount-unreadable": lambda texts: texts.eq("") | texts.str.fullmatch(_DECIMAL_TEXT),
        "amount-decimals": lambda texts: (
            ~texts.str.fullmatch(rf"-?[0-9]+\.[0-9]{{{AMOUNT_DECIMALS}}}[0-9]*[1-9][0-9]*")
        ),
        "amount-negative": lambda texts: ~texts.str.fullmatch(r"-[0-9.]*[1-9][0-9.]*"),
        "amount-zero": lambda texts: ~texts.str.fullmatch(r"-?0+(?:\.0+)?"),
        "amount-too-large": lambda texts: ~_above(texts, highest),
    }


def _above(texts: pd.Series[str], limit: Decimal) -> pd.Series[bool]:
    """Which amounts are above `limit`. Only texts with enough digits before the point are turned into numbers."""
    digits = len(str(int(limit)))
    candidates = texts[texts.str.fullmatch(rf"0*[0-9]{{{digits},}}(?:\.[0-9]+)?")]
    above = candidates[[Decimal(text) > limit for text in candidates]]
    return pd.Series(texts.index.isin(above.index), index=texts.index)


def _digit_verdicts(rule: FieldRule) -> dict[str, Verdict]:
    """Digits only, and as many as the bank's form has."""
    least, most = rule.min_length, rule.max_length
    verdicts: dict[str, Verdict] = {"not-digits": lambda texts: texts.str.fullmatch("[0-9]*")}
    if least == most:
        verdicts["wrong-length"] = lambda texts: ~texts.str.fullmatch(rf"(?!(?:[0-9]{{{most}}})$)[0-9]+")
    else:
        verdicts["too-few-digits"] = lambda texts: ~texts.str.fullmatch(rf"[0-9]{{1,{least - 1}}}")
        verdicts["too-many-digits"] = lambda texts: ~texts.str.fullmatch(rf"[0-9]{{{most},}}[0-9]")
    return verdicts


def _choice_verdicts(rule: FieldRule, limits: Limits) -> dict[str, Verdict]:
    """A value that the API does not know, or knows for something that this program does not do."""
    allowed = _allowed(rule, limits)
    verdicts: dict[str, Verdict] = {"choice-unknown": lambda texts: texts.isin(("", *rule.choices))}
    if others := [choice for choice in rule.choices if choice != allowed]:
        verdicts[_CODE_OF_OTHER[rule.field]] = lambda texts: ~texts.isin(others)
    return verdicts


_CODE_OF_OTHER: Final = {Field.TYPE: "type-other-product", Field.DIRECTION: "direction-other"}


def _allowed(rule: FieldRule, limits: Limits) -> str:
    return limits.direction if rule.field is Field.DIRECTION else rule.choices[0]


def _details(rule: FieldRule, code: str, limits: Limits) -> Details:
    """What fills the sentence of `code`: the limit that was passed, drawn from the table of fields."""
    match code:
        case "too-long" | "too-many-digits" | "wrong-length":
            return (("limit", str(rule.max_length)),)
        case "too-few-digits":
            return (("limit", str(rule.min_length)),)
        case "amount-too-large":
            return (("limit_amount", str(limits.max_amount)),)
        case "choice-unknown" | "direction-other" | "type-other-product":
            return (("expected", _allowed(rule, limits)),)
        case _:
            return ()


def _incomplete(filled: Sequence[str], rows: Sequence[int]) -> Iterator[Failures]:
    """An account that is filled in part is said at each part that is empty."""
    for part, field in enumerate(ACCOUNT_FIELDS):
        empty = [row for row in rows if filled[row][part] == "0"]
        if empty:
            yield Failures(field.value, "account-incomplete", empty, ())
