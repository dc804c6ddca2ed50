"""PaymentSchema on a raw frame and the product on the same cells come to one verdict."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.errors
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.memory_table import MemoryTable, checked, table

from pipeline.validation.accounts import clean_account
from pipeline.validation.emails import clean_email
from pipeline.validation.text import Cell, clean_text
from schemas.fields import ACCOUNT_FIELDS, ANSWERS, RULES, Field
from schemas.payment import PaymentSchema

CODES = {check.name for column in PaymentSchema.to_schema().columns.values() for check in column.checks}
CODES |= {check.name for check in PaymentSchema.to_schema().checks}

# The values here are those that the product's cleaning takes as they are: what it makes of others has its own tests.
blank = st.sampled_from(["", " ", "\t"])
letters = "abcdefghijklmnopqrstuvwxyzABCÉéçñ -'."
word = st.text(letters, max_size=103).map("A".__add__).filter(lambda text: clean_text("", text) == Cell(text))
long_word = st.integers(98, 103).map(lambda length: "é" * length)
address = st.one_of(
    st.emails(),
    st.sampled_from(["zoe@example.com", "jane", "jane@@x.ca", "jane@x", "@", "zoé@exämple.ca"]),
    st.integers(30, 100).map(lambda length: f"{'x' * (length % 64 + 1)}@{'y' * (length % 60 + 1)}.ca"),
).filter(lambda text: clean_email(text, "s").text in {text, None})
amount = st.one_of(
    st.decimals(-30_000, 60_000, places=2).map(str),
    st.decimals(-1, 1, places=4).map(lambda value: f"{value:f}"),
    st.sampled_from(["0", "-0.00", "25000", "25000.01", "1" * 40, "abc", "-"]),
)
digits = st.text("0123456789", min_size=1, max_size=14)
part = st.one_of(digits, blank, st.sampled_from(["12a", "RBC!", "001", "30265", "1234567", "123456789012"]))
account = st.one_of(
    st.tuples(st.sampled_from(["001", "003"]), st.just("30265"), digits),
    st.tuples(part, part, part),
    st.just(("", "", "")),
).filter(lambda parts: [cell.text for cell in clean_account(parts, "sss", False)] == [part.strip() for part in parts])
cells = {
    Field.REFERENCE_ID: st.one_of(word, long_word, blank),
    Field.FIRST_NAME: st.one_of(word, long_word, blank),
    Field.MIDDLE_NAME: st.one_of(word, long_word, blank),
    Field.LAST_NAME: st.one_of(word, long_word, blank),
    Field.EMAIL: st.one_of(address, blank),
    Field.AMOUNT: st.one_of(amount, blank),
    Field.CURRENCY: st.one_of(st.just("CAD"), blank),
    Field.TYPE: st.one_of(st.sampled_from([*RULES[Field.TYPE].choices, "cheque"]), blank),
    Field.DIRECTION: st.one_of(st.sampled_from([*RULES[Field.DIRECTION].choices, "both"]), blank),
    Field.SEND_INTERAC_LINK: st.one_of(st.sampled_from([*ANSWERS, "YES", "Non", "perhaps"]), blank),
}
row = st.tuples(st.fixed_dictionaries(cells), account).map(
    lambda drawn: {**drawn[0], **dict(zip(ACCOUNT_FIELDS, drawn[1], strict=True))}
)
forms = st.sampled_from(["str", "object", "string"])


def said_by_the_schema(payments: pd.DataFrame) -> set[tuple[int, str, str]]:
    try:
        PaymentSchema.validate(payments, lazy=True)
    except pandera.errors.SchemaErrors as found:
        return set(found.failure_cases[["index", "column", "check"]].itertuples(index=False, name=None))
    return set()


def sheet(rows: list[dict[Field, str]]) -> MemoryTable:
    """The rows as a sheet whose amounts are number cells, which no convention makes ambiguous."""
    return table(*({field.value: text for field, text in row.items()} for row in rows), kinds={"amount": "n"})


@settings(deadline=None, max_examples=30)  # of many rows: a validation costs the same for one as for twenty
@given(st.lists(row, min_size=1, max_size=20), forms, st.sampled_from([None, pd.NA, float("nan"), ""]))
def test_one_verdict_on_the_same_values(rows: list[dict[Field, str]], form: str, nothing: Any) -> None:
    """Of every row that the product takes for a payment, the schema says of the raw values what the product says."""
    product = checked(sheet(rows))[1]
    numbers = [row.row.number for row in product]
    cells = [{field.value: text if text.strip() else nothing for field, text in row.items()} for row in rows]
    payments = pd.DataFrame(cells, dtype="object").astype(form)  # type: ignore[arg-type]
    payments.index = pd.RangeIndex(2, 2 + len(rows))
    expected = {(row.row.number, fault.field, fault.code) for row in product for fault in row.faults}
    event(f"{len({code for _, _, code in expected})} different codes")
    assert {code for _, _, code in expected} <= CODES
    assert said_by_the_schema(payments.loc[numbers]) == expected


dirty = st.one_of(*cells.values(), st.text(max_size=20), st.sampled_from(["$1,234.50", " 3 ", "Jane <jane@x.ca>"]))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(list(Field)), dirty), min_size=1, max_size=6))
def test_what_the_product_would_send_passes_the_schema(changes: list[dict[Field, str]]) -> None:
    """Whatever was typed: a payment that the product accepts is one by the schema, as text and as exact numbers."""
    good = {field: RULES[field].example for field in Field}
    for row in checked(sheet([good | change for change in changes]))[1]:
        if (payment := row.payment) is not None:
            assert payment.amount is not None
            sent = {
                "referenceId": payment.reference_id or None,
                "firstName": payment.first_name,
                "middleName": payment.middle_name or pd.NA,
                "lastName": payment.last_name,
                "email": payment.email,
                "amount": Decimal(payment.amount),
                "direction": payment.direction,
                "sendInteracLink": payment.send_link,
                "institutionCode": payment.institution_code,
                "transitNumber": payment.transit_number,
                "accountNumber": payment.account_number,
            }
            assert said_by_the_schema(pd.DataFrame([sent], dtype="object")) == set()
