"""PaymentSchema judges any frame of payments by the table of fields, and is what the product itself judges by."""

from collections.abc import Hashable
from decimal import Decimal
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from schemas import payment
from schemas.faults import Severity, catalogue
from schemas.fields import ACCOUNT_FIELDS, DEFAULT_MAX_AMOUNT, FIELDS, RULES, YES, Field, FieldRule, Kind
from schemas.payment import Limits, PaymentSchema, under

GOOD = {rule.field: rule.example for rule in FIELDS}
MEASURED = [rule for rule in FIELDS if rule.max_length]
REQUIRED = [rule.field for rule in FIELDS if rule.required]
OPTIONAL = [field for field in Field if field not in REQUIRED]


def frame(*rows: Any, dtype: str = "str") -> pd.DataFrame:
    """Rows that are good but for what is given."""
    return pd.DataFrame([GOOD | row for row in rows], dtype=dtype).rename(columns=str)


def faults(payments: pd.DataFrame, limits: Limits | None = None) -> list[tuple[Hashable, str, str, Any]]:
    """What pandera reports of a frame: index, column, check and value."""
    schema = PaymentSchema if limits is None else under(limits)
    try:
        schema.validate(payments, lazy=True)
    except pandera.errors.SchemaErrors as found:
        cases = found.failure_cases[["index", "column", "check", "failure_case"]]
        return list(cases.itertuples(index=False, name=None))
    return []


def found(*rows: Any, limits: Limits | None = None, dtype: str = "str") -> set[tuple[Any, ...]]:
    """What the schema says of rows that are good but for what is given: position, field, code."""
    said = faults(frame(*rows, dtype=dtype), limits)
    assert len(said) == len(set(said)), "said twice"
    return {(row, field, code) for row, field, code, _ in said}


def of_length(rule: FieldRule, length: int) -> str:
    if rule.kind is Kind.DIGITS:
        return "1" * length
    domain = f"@{'y' * 60}.ca"
    return "x" * (length - len(domain)) + domain if rule.kind is Kind.EMAIL else "x" * length


def test_the_examples_of_the_table_are_valid() -> None:
    """The example of every field passes."""
    assert found({}) == set()


@pytest.mark.parametrize("rule", MEASURED, ids=lambda rule: rule.field)
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_longest_value_passes_and_one_more_does_not(rule: FieldRule, over: int) -> None:
    """A text may be as long as its limit and no longer."""
    assert rule.max_length
    length = rule.max_length + over
    valid = rule.min_length <= length <= rule.max_length
    assert (found({rule.field: of_length(rule, length)}) == set()) is valid


@pytest.mark.parametrize("rule", [rule for rule in FIELDS if rule.kind is Kind.DIGITS], ids=lambda rule: rule.field)
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_fewest_digits_pass_and_one_less_does_not(rule: FieldRule, over: int) -> None:
    """An identifier has at least as many digits as its limit."""
    length = rule.min_length + over
    valid = length >= rule.min_length and length <= (rule.max_length or length)
    assert (found({rule.field: of_length(rule, length)}) == set()) is valid


MISSING = {
    "None": None,
    "NaN": float("nan"),
    "pd.NA": pd.NA,
    "pd.NaT": pd.NaT,
    "Decimal NaN": Decimal("NaN"),
    "empty": "",
    "blanks": "  ",
    "a tab and a line": "\t\n",
    "a no-break space": "\u00a0",
}
EVERY_FORM = pytest.mark.parametrize("nothing", MISSING.values(), ids=MISSING.keys())


@EVERY_FORM
@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_without_a_value_is_only_missing(field: Field, nothing: Any) -> None:
    """Whatever stands for nothing: one fault, not one from every check."""
    assert found({field: nothing}, {}, dtype="object") == {(0, field, "missing")}


@EVERY_FORM
def test_optional_fields_may_have_no_value(nothing: Any) -> None:
    """What the API does not require may be left out, in whatever form; an account as a whole."""
    assert found(dict.fromkeys(OPTIONAL, nothing), {}, dtype="object") == set()


@EVERY_FORM
def test_an_account_without_one_part_is_incomplete(nothing: Any) -> None:
    """A part that is missing in whatever form is the one at fault."""
    assert found({Field.TRANSIT_NUMBER: nothing}, dtype="object") == {(0, "transitNumber", "account-incomplete")}


@pytest.mark.parametrize("dtype", ["str", "object", "string", "string[python]", "category"])
def test_the_type_of_a_column_changes_nothing(dtype: str) -> None:
    """Text is text, whichever of pandas' types holds it."""
    rows = [{Field.AMOUNT: "-1", Field.LAST_NAME: None}, {Field.EMAIL: "jane", Field.TRANSIT_NUMBER: " "}]
    said = [(0, "amount", "amount-negative"), (0, "lastName", "missing")]
    said += [(1, "email", "email-invalid"), (1, "transitNumber", "account-incomplete")]
    assert found(*rows, dtype=dtype) == set(said)


def test_a_column_of_nothing_is_a_column_of_missing_values() -> None:
    """pandas reads a column without a value as floats."""
    payments = frame({}, {}).assign(middleName=float("nan"), lastName=float("nan"))
    assert {(row, column, code) for row, column, code, _ in faults(payments)} == {
        (0, "lastName", "missing"),
        (1, "lastName", "missing"),
    }


@pytest.mark.parametrize("read", [{}, {"keep_default_na": False}], ids=["blanks as NaN", "blanks as text"])
def test_a_sheet_that_pandas_read(read: dict[str, Any]) -> None:
    """The verdict on `pd.read_csv(…, dtype=str)` is the same however pandas reads blank cells."""
    sheet = "firstName,lastName,email,amount,institutionCode,note\nZoé,Roy,zoe@example.com,10.00,,\n,Roy,x,1.001,003,\n"
    assert {said[:3] for said in faults(pd.read_csv(StringIO(sheet), dtype=str, **read))} == {
        (1, "firstName", "missing"),
        (1, "email", "email-invalid"),
        (1, "amount", "amount-decimals"),
        (1, "transitNumber", "account-incomplete"),
        (1, "accountNumber", "account-incomplete"),
    }


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Decimal("250.00"), None),
        (Decimal("0.01"), None),
        (Decimal("1E+2"), None),
        (Decimal("0.010"), None),
        (Decimal("1E-3"), "amount-decimals"),
        (Decimal("-0.01"), "amount-negative"),
        (Decimal("0E+2"), "amount-zero"),
        (Decimal("25000.00"), None),
        (Decimal("25000.01"), "amount-too-large"),
        (Decimal("1E+30"), "amount-too-large"),
        (Decimal("Infinity"), "amount-unreadable"),
        (250, None),
        (np.int64(0), "amount-zero"),
        (250.0, "amount-unreadable"),
        (0.1 + 0.2, "amount-unreadable"),
        (np.float32(250.5), "amount-unreadable"),
        (-1e-9, "amount-unreadable"),
        (True, "amount-unreadable"),
    ],
    ids=repr,
)
def test_an_amount_is_text_or_an_exact_number(amount: Any, code: str | None) -> None:
    """Decimal and whole numbers are judged to the last digit; a binary float is no amount, whatever it looks like."""
    assert found({Field.AMOUNT: amount}, {}, dtype="object") == ({(0, "amount", code)} if code else set())


def test_a_column_of_floats_holds_no_amounts_and_no_accounts() -> None:
    """What pandas made of a sheet that was not read as text is told, and no digit of it is believed."""
    payments = frame({}).assign(amount=[250.0], accountNumber=[9876541.0], transitNumber=[265])
    assert {said[1:3] for said in faults(payments)} == {
        ("amount", "amount-unreadable"),
        ("accountNumber", "not-digits"),
        ("transitNumber", "wrong-length"),
    }


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0.01", None),
        ("0.00", "amount-zero"),
        ("-0.01", "amount-negative"),
        ("0.001", "amount-decimals"),
        ("0.010", None),
        ("abc", "amount-unreadable"),
        (f"{DEFAULT_MAX_AMOUNT - Decimal('0.01')}", None),
        (f"{DEFAULT_MAX_AMOUNT}", None),
        (f"{DEFAULT_MAX_AMOUNT + Decimal('0.01')}", "amount-too-large"),
        ("123456789012345678901234567890.00", "amount-too-large"),
    ],
)
def test_the_limits_of_an_amount(amount: str, code: str | None) -> None:
    """An amount is above zero, in whole cents and not above the highest."""
    assert found({Field.AMOUNT: amount}) == ({(0, "amount", code)} if code else set())


@pytest.mark.parametrize("highest", ["1.00", "99.99", "3000", "100000.00"])
def test_the_highest_amount_is_a_setting(highest: str) -> None:
    """The highest amount itself passes, a cent more does not, wherever the limit is set."""
    limits = Limits(max_amount=Decimal(highest))
    over = str(Decimal(highest) + Decimal("0.01"))
    assert found({Field.AMOUNT: highest}, {Field.AMOUNT: over}, limits=limits) == {(1, "amount", "amount-too-large")}


def test_an_open_amount_may_be_blank() -> None:
    """A blank amount is valid when the payor may choose it, and missing otherwise."""
    assert found({Field.AMOUNT: ""}, limits=Limits(open_amount=True)) == set()
    assert found({Field.AMOUNT: ""}) == {(0, "amount", "missing")}


@pytest.mark.parametrize("filled", range(8))
def test_an_account_is_whole_or_absent(filled: int) -> None:
    """The payee's account has all three parts or none; each empty part is said."""
    account = {field: RULES[field].example if filled >> part & 1 else "" for part, field in enumerate(ACCOUNT_FIELDS)}
    empty = {field for field, text in account.items() if not text}
    expected = {(0, field.value, "account-incomplete") for field in empty} if len(empty) in (1, 2) else set()
    assert found(account) == expected


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (Field.TYPE, "EFT", "type-other-product"),
        (Field.TYPE, "cheque", "choice-unknown"),
        (Field.DIRECTION, "CREDIT", "direction-other"),
        (Field.CURRENCY, "USD", "choice-unknown"),
        (Field.SEND_INTERAC_LINK, "perhaps", "yes-no-unreadable"),
        (Field.EMAIL, "jane", "email-invalid"),
        (Field.EMAIL, "jane@x", "email-invalid"),
        (Field.EMAIL, f"{'j' * 65}@example.com", "email-invalid"),
        (Field.INSTITUTION_CODE, "RBC", "not-digits"),
    ],
)
def test_other_values_are_told_apart(field: Field, value: str, code: str) -> None:
    """A value that the API knows for something else has its own code."""
    assert found({field: value}) == {(0, field, code)}


def test_the_direction_of_the_account_is_a_setting() -> None:
    """The direction that is not the account's is the fault, whichever it is."""
    limits = Limits(direction="CREDIT")
    assert found({Field.DIRECTION: "CREDIT"}, {}, limits=limits) == {(1, "direction", "direction-other")}


@pytest.mark.parametrize("word", ["yes", "NO", "Oui", "non", "true", "False", True, False, YES, "\u2713"])
def test_yes_and_no_are_told_in_two_languages(word: Any) -> None:
    """The words for yes and no that the product reads are the schema's too, and so are real booleans."""
    assert found({Field.SEND_INTERAC_LINK: word}, dtype="object") == set()


@pytest.mark.parametrize("name", ["Null", "NA", "nan", "NaN", "None", "True", "N/A", "<NA>", "null", "0", "inf"])
def test_a_customer_may_be_called_null(name: str) -> None:
    """No text of a sheet is read as a missing value."""
    assert found({Field.FIRST_NAME: name, Field.LAST_NAME: name, Field.REFERENCE_ID: name}) == set()


def test_all_faults_of_all_rows_are_found_at_once() -> None:
    """One validation gives every fault of every row."""
    assert found({Field.AMOUNT: "-1.234", Field.LAST_NAME: ""}, {}, {Field.EMAIL: "x"}) == {
        (0, "amount", "amount-decimals"),
        (0, "amount", "amount-negative"),
        (0, "lastName", "missing"),
        (2, "email", "email-invalid"),
    }


def test_a_fault_names_its_column_its_check_its_row_and_its_value() -> None:
    """A report of pandera's says everything about a fault, by the index and with the value of one's own frame."""
    payments = frame({}, {Field.AMOUNT: Decimal("-1.50"), Field.TRANSIT_NUMBER: None}, dtype="object")
    payments.index = pd.Index(["March", "April"])
    assert set(faults(payments)) == {
        ("April", "amount", "amount-negative", Decimal("-1.50")),
        ("April", "transitNumber", "account-incomplete", None),
    }


def test_rows_of_one_index_are_judged_each_by_itself() -> None:
    """Frames that were joined have the same index twice."""
    payments = pd.concat([frame({Field.AMOUNT: "25000.01"}), frame({Field.AMOUNT: "25000.00"})])
    assert faults(payments) == [(0, "amount", "amount-too-large", "25000.01")]


def test_rows_may_have_an_index_of_several_levels() -> None:
    """Frames that were grouped have one."""
    payments = frame({Field.AMOUNT: "0"}, {Field.TRANSIT_NUMBER: ""})
    payments.index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    assert {said[1:3] for said in faults(payments)} == {
        ("amount", "amount-zero"),
        ("transitNumber", "account-incomplete"),
    }


def test_optional_columns_may_be_absent_and_ones_own_are_ignored() -> None:
    """A frame needs the required columns and no other."""
    payments = frame({}, {}).drop(columns=OPTIONAL).assign(note="thank you", paid=[None, 1.5])  # type: ignore[list-item]
    assert faults(payments) == []
    assert PaymentSchema.validate(payments).equals(payments)


@pytest.mark.parametrize("absent", ACCOUNT_FIELDS)
def test_an_account_without_a_column_is_incomplete(absent: Field) -> None:
    """Each row that fills the other columns is at fault, one that does not is whole."""
    payments = frame({}, dict.fromkeys(ACCOUNT_FIELDS, "")).drop(columns=absent)
    assert [said[:3] for said in faults(payments)] == [(0, absent, "account-incomplete")]


@pytest.mark.parametrize("absent", REQUIRED)
def test_a_required_column_is_required(absent: Field) -> None:
    """Its absence is the frame's fault and no row's, so pandera's own word for it stands."""
    [(index, _, check, value)] = faults(frame({}).drop(columns=absent))
    assert (index, check, value) == (None, "column_in_dataframe", absent)


def test_two_columns_of_one_name_are_refused() -> None:
    """Which of them is meant can't be known."""
    payments = frame({})
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        PaymentSchema.validate(pd.concat([payments, payments[["email"]]], axis=1), lazy=True)
    assert "email" in str(refused.value.schema_errors[0])
    assert refused.value.schema_errors[0].check == "dataframe_column_labels_unique"


def test_a_frame_without_rows_is_valid() -> None:
    """Nothing is wrong with no payments."""
    assert faults(frame({}).head(0)) == []


def test_without_lazy_the_first_fault_is_raised() -> None:
    """pandera's other way to validate works too, for a column and for what is told across columns."""
    for row in ({Field.AMOUNT: "0"}, {Field.TRANSIT_NUMBER: ""}):
        with pytest.raises(pandera.errors.SchemaError):
            PaymentSchema.validate(frame(row))


def test_the_schema_has_the_columns_of_the_table_of_fields() -> None:
    """The columns, their order and which are required stand in both; neither may have more."""
    columns = PaymentSchema.to_schema().columns
    assert [(name, column.required) for name, column in columns.items()] == [
        (rule.field.value, rule.required) for rule in FIELDS
    ]


@pytest.mark.parametrize("schema", [PaymentSchema, under(Limits(direction="CREDIT"))], ids=["default", "under others"])
def test_every_check_has_the_name_and_the_sentence_of_an_error(schema: type[PaymentSchema]) -> None:
    """A check is named by a code of the catalogue, and described by its sentence."""
    made = schema.to_schema()
    checks = [check for column in made.columns.values() for check in column.checks] + made.checks
    assert {(check.name, check.description) for check in checks} == {
        (code, catalogue()[code].sentence["en"]) for code in CODES
    }
    assert {catalogue()[code].severity for code in CODES} == {Severity.ERROR}


CODES = {
    "account-incomplete": {Field.TRANSIT_NUMBER: ""},
    "amount-decimals": {Field.AMOUNT: "0.001"},
    "amount-negative": {Field.AMOUNT: "-1"},
    "amount-too-large": {Field.AMOUNT: "25000.01"},
    "amount-unreadable": {Field.AMOUNT: "1,00"},
    "amount-zero": {Field.AMOUNT: "0"},
    "choice-unknown": {Field.CURRENCY: "USD"},
    "direction-other": {Field.DIRECTION: "CREDIT"},
    "email-invalid": {Field.EMAIL: "jane@@example.com"},
    "missing": {Field.LAST_NAME: ""},
    "not-digits": {Field.ACCOUNT_NUMBER: "12-3456789"},
    "too-few-digits": {Field.ACCOUNT_NUMBER: "123456"},
    "too-long": {Field.REFERENCE_ID: "x" * 101},
    "too-many-digits": {Field.ACCOUNT_NUMBER: "1234567890123"},
    "type-other-product": {Field.TYPE: "EFT"},
    "wrong-length": {Field.INSTITUTION_CODE: "3"},
    "yes-no-unreadable": {Field.SEND_INTERAC_LINK: "perhaps"},
}
"""Every code of the schema, with the one value that is at fault by it."""


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_reached(code: str) -> None:
    """Each check fails by itself for the value that it is there for, and is told once."""
    [(field, _)] = CODES[code].items()
    assert found({}, CODES[code]) == {(1, field, code)}


def test_the_product_asks_nothing_of_what_it_has_faulted() -> None:
    """In a table of the product, None stands for a cell on which everything was said, in every field."""
    columns = {field: [None, GOOD[field]] for field in Field}
    for limits in (Limits(), Limits(Decimal("0.01"), direction="CREDIT")):
        assert [failed for failed in payment.failures(columns, limits) if 0 in failed.rows] == []


def test_a_part_that_the_product_has_faulted_is_a_part_of_the_account() -> None:
    """Of an account whose institution is at fault and whose transit is blank, the transit is missing."""
    columns = {field: [GOOD[field]] for field in Field} | {Field.INSTITUTION_CODE: [None], Field.TRANSIT_NUMBER: [""]}
    [failed] = payment.failures(columns, Limits())  # type: ignore[arg-type]
    assert (failed.field, failed.code, failed.rows) == ("transitNumber", "account-incomplete", [0])


@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("too-long", (("limit", "100"),)),
        ("too-many-digits", (("limit", "12"),)),
        ("too-few-digits", (("limit", "7"),)),
        ("wrong-length", (("limit", "3"),)),
        ("amount-too-large", (("limit_amount", "25000.00"),)),
        ("choice-unknown", (("expected", "CAD"),)),
        ("direction-other", (("expected", "DEBIT"),)),
        ("type-other-product", (("expected", "e-Transfer"),)),
        ("missing", ()),
    ],
)
def test_a_failure_carries_what_its_sentence_says(code: str, details: Any) -> None:
    """The limit that was passed, or what was expected, fills the sentence of the product's fault."""
    columns = {field: [text] for field, text in (GOOD | CODES[code]).items()}
    assert [(failed.code, failed.details) for failed in payment.failures(columns, Limits())] == [(code, details)]
