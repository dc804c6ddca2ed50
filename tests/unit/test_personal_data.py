"""What is kept once personal data is removed."""

from decimal import Decimal

from pipeline.domain.model import Payment
from pipeline.domain.personal_data import fault_without_person, payment_without_person
from schemas.faults import Fault


def test_a_payment_keeps_what_accountants_reconcile_by() -> None:
    """Its reference and amount, and nobody's name."""
    bare = payment_without_person(Payment("INV-1", "Zoe", "Tremblay", "zoe@example.com", Decimal(10), send_link=True))
    assert bare == Payment("INV-1", "", "", "", Decimal(10), send_link=True)


def test_a_fault_keeps_what_is_about_the_run() -> None:
    """The cell's text and every word that may name somebody go."""
    details = (("row", "7"), ("paid_amount", "10.00"), ("who", "Zoe"))
    bare = fault_without_person(Fault("refused", "email", "zoe@example.com", details))
    assert bare == Fault("refused", "email", "", (("row", "7"), ("paid_amount", "10.00"), ("who", "…")))
