"""The pandera schema of an e-Transfer session: for any DataFrame of payments, and what the product itself validates by.

    PaymentSchema.validate(pd.read_csv("payments.csv", dtype=str), lazy=True)

No limit is here: each comes from `schemas.fields`. pandas and pandera cost half a second to import, so only what
validates imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Final

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from schemas.emails import is_address
from schemas.faults import Details, catalogue
from schemas.fields import (
    ACCOUNT_FIELDS,
    AMOUNT_DECIMALS,
    ANSWERS,
    DEFAULT_MAX_AMOUNT,
    FIELDS,
    RULES,
    Field,
    FieldRule,
    Kind,
)
from schemas.money import CENT

_REQUIRED: Final = [rule.field for rule in FIELDS if rule.required]
_WORDS: Final = [rule.field for rule in FIELDS if rule.kind in {Kind.TEXT, Kind.NAME, Kind.EMAIL}]
_CHOICES: Final = [rule.field for rule in FIELDS if rule.kind is Kind.CHOICE]
_DIGITS: Final = [rule.field for rule in FIELDS if rule.kind is Kind.DIGITS]
_FIXED: Final = [field for field in _DIGITS if RULES[field].min_length == RULES[field].max_length]
_RANGED: Final = [field for field in _DIGITS if field not in _FIXED]

"""No limit of an amount is below it."""

_Verdict = Callable[[Any, "pd.Series[str]"], "pd.Series[bool]"]
"""From the model and the texts of a column to which of them pass."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user may set about the limits of `schemas.fields`. Amounts in dollars."""

    max_amount: Decimal = DEFAULT_MAX_AMOUNT
    open_amount: bool = False
    direction: str = "DEBIT"

    def allowed(self, field: Field) -> str:
        """The value that a field of choices may have."""
        return self.direction if field is Field.DIRECTION else RULES[field].choices[0]

    def others(self, field: Field) -> list[str]:
        """The values that the API knows, and knows for something that this program does not do."""
        return [choice for choice in RULES[field].choices if choice != self.allowed(field)]


def _texts(values: pd.Series[Any]) -> pd.Series[str]:
    """The values as texts, whatever holds them. What pandas takes for missing stays missing."""
    if values.dtype == "str":
        return values
    texts = [None if missing else _text(value) for value, missing in zip(values, values.isna(), strict=True)]
    return pd.Series(texts, index=values.index, name=values.name, dtype="str")


def _text(value: object) -> str:
    """A value as plain text, but a float in its own, binary form, so that it passes for no amount and no identifier:
    there is no 0.10 among the floats, and an account number that became one has lost its zeros.
    """
    match value:
        case Decimal():
            return f"{value:f}"
        case Real() if not isinstance(value, Integral):
            return float(value).hex()
        case _:
            return str(value)


def _blank(texts: pd.Series[str]) -> pd.Series[bool]:
    """Which texts are missing, empty or white space, which are one thing."""
    return texts.isna() | texts.eq("") | texts.str.isspace()


def _rule(texts: pd.Series[str]) -> FieldRule:
    return RULES[Field(str(texts.name))]


def _lengths(texts: pd.Series[str]) -> tuple[int, int]:
    """The fewest and the most characters that a text of this column may have."""
    rule = _rule(texts)
    assert rule.max_length is not None
    return rule.min_length, rule.max_length


def _check(code: str, *fields: Field) -> Callable[[_Verdict], Any]:
    """Declares a check of `fields` by the code of its fault. A blank passes, which `missing` judges, and so does what
    another check fails.
    """

    def declare(verdict: _Verdict) -> Any:
        def judge(cls: Any, values: pd.Series[Any]) -> pd.Series[bool]:
            texts = _texts(values)
            passed = verdict(cls, texts)
            return passed if passed.all() else passed | _blank(texts)

        return pa.check(*fields, description=_sentence(code))(_called(code)(judge))

    return declare


def _called(code: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Calls a check by its code. The function itself bears it, since pandera 0.35 forgets the `name` of a check in all
    models but the first that it builds, and `under` builds more.
    """

    def call(judge: Callable[..., Any]) -> Callable[..., Any]:
        judge.__name__ = code
        return judge

    return call


def _sentence(code: str) -> str:
    return catalogue()[code].sentence["en"]


def _column(field: Field) -> Any:
    """A column that may have missing values: the checks of `missing` and of the account say where they are a fault."""
    return pa.Field(alias=field.value, nullable=True)


class PaymentSchema(pa.DataFrameModel):
    """Payments as the API takes them: a row a session, a column a field, by the API's own names.

    A value is text or an exact number (Decimal, int). A missing value, an empty and a blank text are one thing. Columns
    of optional fields may be absent; columns of one's own are ignored. The highest amount and whatever else a user may
    set are those of `Limits()`; `under` gives the schema under others.

    `validate(frame, lazy=True)` returns the frame as it is, or raises pandera's SchemaErrors: for each fault, its
    `failure_cases` give the column, the check (its name is the code of the fault in the catalogue, its description the
    sentence), the index and the value. Source of the rules: `schemas.fields`.
    """

    reference_id: Series[Any] | None = _column(Field.REFERENCE_ID)
    first_name: Series[Any] = _column(Field.FIRST_NAME)
    middle_name: Series[Any] | None = _column(Field.MIDDLE_NAME)
    last_name: Series[Any] = _column(Field.LAST_NAME)
    email: Series[Any] = _column(Field.EMAIL)
    amount: Series[Any] = _column(Field.AMOUNT)
    currency: Series[Any] | None = _column(Field.CURRENCY)
    session_type: Series[Any] | None = _column(Field.TYPE)
    direction: Series[Any] | None = _column(Field.DIRECTION)
    send_interac_link: Series[Any] | None = _column(Field.SEND_INTERAC_LINK)
    institution_code: Series[Any] | None = _column(Field.INSTITUTION_CODE)
    transit_number: Series[Any] | None = _column(Field.TRANSIT_NUMBER)
    account_number: Series[Any] | None = _column(Field.ACCOUNT_NUMBER)

    _limits = Limits()

    class Config:
        """Which of two columns of one name is meant can't be known."""

        unique_column_names = True

    @pa.check(*_REQUIRED, ignore_na=False, description=_sentence("missing"))
    @_called("missing")
    def _filled(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        if values.name == Field.AMOUNT and cls._limits.open_amount:
            return True
        return ~_blank(_texts(values))

    @_check("amount-unreadable", Field.AMOUNT)
    def _decimal(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return texts.str.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?")

    @_check("amount-decimals", Field.AMOUNT)
    def _whole_cents(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        """Zeros behind the cents are no decimals."""
        return ~texts.str.fullmatch(rf"-?[0-9]+\.[0-9]{{{AMOUNT_DECIMALS}}}[0-9]*[1-9][0-9]*")

    @_check("amount-negative", Field.AMOUNT)
    def _not_negative(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return ~texts.str.fullmatch(r"-[0-9.]*[1-9][0-9.]*")

    @_check("amount-zero", Field.AMOUNT)
    def _not_zero(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return ~texts.str.fullmatch(r"-?0+(?:\.0+)?")

    @_check("amount-too-large", Field.AMOUNT)
    def _not_above_the_highest(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        """Only texts with enough digits before the point are turned into numbers."""
        highest = cls._limits.max_amount
        long = texts.str.fullmatch(rf"0*[0-9]{{{len(str(int(highest)))},}}(?:\.[0-9]+)?")
        passed = ~long.to_numpy(dtype=bool)
        passed[~passed] = [Decimal(text) <= highest for text in texts[long]]
        return pd.Series(passed, index=texts.index)

    @_check("not-digits", *_DIGITS)
    def _digits(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return texts.str.fullmatch("[0-9]+")

    @_check("wrong-length", *_FIXED)
    def _of_its_length(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        length, _ = _lengths(texts)
        return ~texts.str.fullmatch(rf"[0-9]{{1,{length - 1}}}|[0-9]{{{length + 1},}}")

    @_check("too-few-digits", *_RANGED)
    def _long_enough(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        least, _ = _lengths(texts)
        return ~texts.str.fullmatch(rf"[0-9]{{1,{least - 1}}}")

    @_check("too-many-digits", *_RANGED)
    def _no_longer(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        _, most = _lengths(texts)
        return ~texts.str.fullmatch(rf"[0-9]{{{most + 1},}}")

    @_check("choice-unknown", *_CHOICES)
    def _known(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return texts.isin(_rule(texts).choices)

    @_check("type-other-product", Field.TYPE)
    def _of_this_product(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return ~texts.isin(cls._limits.others(Field.TYPE))

    @_check("direction-other", Field.DIRECTION)
    def _of_this_direction(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return ~texts.isin(cls._limits.others(Field.DIRECTION))

    @_check("yes-no-unreadable", Field.SEND_INTERAC_LINK)
    def _yes_or_no(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return texts.str.lower().isin(ANSWERS)

    @_check("email-invalid", Field.EMAIL)
    def _address(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        return texts.map(is_address).astype(bool)

    @_check("too-long", *_WORDS)
    def _short_enough(cls, texts: pd.Series[str]) -> pd.Series[bool]:
        _, most = _lengths(texts)
        return texts.str.len().le(most)

    @pa.dataframe_check(description=_sentence("account-incomplete"))
    @_called("account-incomplete")
    def _whole_account_or_none(cls, frame: pd.DataFrame) -> bool:
        """Fails each empty part: with one verdict for the row, pandera would fail all its columns."""
        parts = frame.reindex(columns=[field.value for field in ACCOUNT_FIELDS])
        empty = parts.apply(lambda values: _blank(_texts(values)))
        partly = empty.any(axis="columns") & ~empty.all(axis="columns")
        if not partly.any():
            return True
        cases = [
            pd.DataFrame({"column": part, "index": frame.index[rows], "failure_case": parts[part].array[rows]})
            for part in parts
            if (rows := (empty[part] & partly).to_numpy()).any()
        ]
        raise pa.errors.SchemaError(  # type: ignore[no-untyped-call]
            cls.to_schema(), frame, _sentence("account-incomplete"), failure_cases=pd.concat(cases, ignore_index=True)
        )


@lru_cache(maxsize=8)
def under(limits: Limits) -> type[PaymentSchema]:
    """The schema under other limits."""
    return type(PaymentSchema.__name__, (PaymentSchema,), {"_limits": limits})


@dataclass(frozen=True, slots=True)
class Failures:
    """All failures of one check on one column: the rows' positions in the table, and what fills the sentence."""

    field: str
    code: str
    rows: Sequence[int]
    details: Details


def failures(columns: Mapping[Field, Sequence[str | None]], limits: Limits) -> Iterator[Failures]:
    """Every failure of a table of cleaned texts by `PaymentSchema` under `limits`, a check at a time.

    None is a text in which the cleaning found a fault: no check adds another. No text is read as a missing value,
    whatever it says.
    """
    frame = pd.DataFrame({field.value: _judged_texts(field, texts, limits) for field, texts in columns.items()})
    try:
        under(limits).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        for error in found.schema_errors:
            code, cases = error.check.name, error.failure_cases
            columns_of = cases.groupby("column", sort=False) if "column" in cases else ((error.schema.name, cases),)
            for column, failed in columns_of:
                yield Failures(column, code, failed["index"].tolist(), _details(RULES[column], code, limits))


def _judged_texts(field: Field, texts: Sequence[str | None], limits: Limits) -> pd.Series[str]:
    """A column in which a value that passes every check replaces each text that already has a fault."""
    if None in texts:
        passes = {Field.AMOUNT: f"{CENT}", Field.DIRECTION: limits.direction}.get(field, RULES[field].example)
        texts = [passes if text is None else text for text in texts]
    return pd.Series(texts, dtype="str")  # type: ignore[arg-type]  # no None is left


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
            return (("expected", limits.allowed(rule.field)),)
        case _:
            return ()
