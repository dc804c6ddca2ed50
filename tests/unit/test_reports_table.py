"""The table of the daily reports: each heading and word of `report_aliases.toml` says one thing."""

from schemas import reports
from schemas.faults import Fault, Severity


def test_each_field_is_found_by_its_own_name_first() -> None:
    """The name that a mapping file uses is as sure as any heading."""
    assert {field.value: tiers[0][0] for field, tiers in reports.column_tiers().items()} == {
        field.value: field.value for field in reports.ReportField
    }


def test_a_word_says_one_thing() -> None:
    """No word of a status has two meanings; only settled and paid say that the payor has paid."""
    words = [word for words in reports.status_words().values() for word in words]
    assert len(words) == len(set(words))
    assert {meaning.value for meaning in reports.Meaning if meaning.is_paid} == {"settled", "paid"}


def test_every_list_of_words_has_some() -> None:
    """An empty list would let a line of the report pass as a payment."""
    assert {*reports.kind_words().values()} == {*reports.LineKind}
    assert {*reports.session_words()} == {"headings", "completed", "underway"}
    assert reports.subject_words()
    assert reports.balance_words()


def test_a_fault_has_the_severity_of_its_code() -> None:
    """The catalogue says which faults keep a row from being sent."""
    assert isinstance(Fault("missing", "firstName").severity, Severity)
