"""The pandera schema mirrors every limit of the table of fields, and finds all faults of all rows at once."""

from decimal import Decimal

import pytest

from schemas import payment
from schemas.fields import ACCOUNT_FIELDS, DEFAULT_MAX_AMOUNT, FIELDS, RULES, Field, FieldRule, Kind
from schemas.payment import Limits

GOOD = {rule.field: rule.example for rule in FIELDS} | {Field.SEND_INTERAC_LINK: payment.YES}
MEASURED = [rule for rule in FIELDS if rule.max_length]
REQUIRED = [rule.field for rule in FIELDS if rule.required]


def found(*rows: dict[Field, str | None], limits: Limits | None = None) -> set[tuple[int, str, str]]:
    """What the schema says of rows that are good but for what is given: position, field, code."""
    columns = {field: [(GOOD | row)[field] for row in rows] for field in GOOD}
    failures = payment.failures(payment.table(columns), limits or Limits())
    return {(row, failure.field, failure.code) for failure in failures for row in failure.rows}


def of_length(rule: FieldRule, length: int) -> str:
    if rule.kind is Kind.DIGITS:
        return "1" * length
    return "x" * (length - len("@x.ca")) + "@x.ca" if rule.kind is Kind.EMAIL else "x" * length


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


@pytest.mark.parametrize("field", REQUIRED)
def test_a_blank_required_field_is_only_missing(field: Field) -> None:
    """A blank required field gets one fault, not one from every check."""
    assert found({field: ""}) == {(0, field, "missing")}


@pytest.mark.parametrize("field", [field for field in Field if field not in REQUIRED and field not in ACCOUNT_FIELDS])
def test_a_blank_optional_field_is_valid(field: Field) -> None:
    """What the API does not require may be blank."""
    assert found({field: ""}) == set()


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


@pytest.mark.parametrize("name", ["Null", "NA", "nan", "NaN", "None", "True", "N/A", "<NA>", "null", "0", "inf"])
def test_a_customer_may_be_called_null(name: str) -> None:
    """No text of a sheet is read as a missing value."""
    assert found({Field.FIRST_NAME: name, Field.LAST_NAME: name, Field.REFERENCE_ID: name}) == set()


def test_what_the_cleaning_has_faulted_is_not_judged_again() -> None:
    """A missing value stands for a cell on which everything was said, in every field."""
    assert found(dict.fromkeys(Field)) == set()


def test_all_faults_of_all_rows_are_found_at_once() -> None:
    """One validation gives every fault of every row."""
    assert found({Field.AMOUNT: "-1.234", Field.LAST_NAME: ""}, {}, {Field.EMAIL: "x"}) == {
        (0, "amount", "amount-decimals"),
        (0, "amount", "amount-negative"),
        (0, "lastName", "missing"),
        (2, "email", "email-invalid"),
    }
