"""A plan and the sheet that is held against it."""

from __future__ import annotations

import pytest

from pipeline.domain.approval import Approved, Candidate, Difference, Kind, differences, digest


def plan_of(payloads: dict[int, str]) -> Approved:
    return Approved(
        format=1,
        batch="rent",
        environment="sandbox",
        file="rent.csv",
        sha256="0" * 64,
        made_by="ana",
        made_at="2026-11-24T10:00:00-05:00",
        rows=len(payloads),
        to_send=len(payloads),
        amount="1.00",
        e_mailed=0,
        payloads=payloads,
    )


SENDING = {"sending": True, "kept": False}
KEPT = {"sending": False, "kept": True}
HELD = {"sending": False, "kept": False}


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        pytest.param([Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING)], [], id="the same"),
        pytest.param([Candidate(5, "aa", **KEPT), Candidate(6, "bb", **SENDING)], [], id="one sent since"),
        pytest.param(
            [Candidate(5, "xx", **SENDING), Candidate(6, "bb", **SENDING)], [Difference(Kind.CHANGED, 5)], id="changed"
        ),
        pytest.param(
            [Candidate(5, "xx", **KEPT), Candidate(6, "bb", **SENDING)],
            [Difference(Kind.CHANGED, 5)],
            id="changed, and sent before",
        ),
        pytest.param([Candidate(6, "bb", **SENDING)], [Difference(Kind.MISSING, 5)], id="gone"),
        pytest.param(
            [Candidate(5, "aa", **HELD), Candidate(6, "bb", **SENDING)], [Difference(Kind.MISSING, 5)], id="held now"
        ),
        pytest.param(
            [Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING), Candidate(4, "cc", **SENDING)],
            [Difference(Kind.NEW, 4)],
            id="new",
        ),
        pytest.param(
            [Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING), Candidate(4, "cc", **KEPT)],
            [],
            id="a row that has its session is not sent",
        ),
    ],
)
def test_a_sheet_is_held_against_its_plan_row_by_row(candidates: list[Candidate], expected: list[Difference]) -> None:
    """Every row that would be sent otherwise than approved is named, and no other."""
    assert differences(plan_of({5: "aa", 6: "bb"}), candidates) == expected


def test_a_digest_tells_two_payloads_apart_and_one_from_itself() -> None:
    """The digest depends on every byte of the request."""
    assert digest(b'{"amount":250.00}') == digest(b'{"amount":250.00}')
    assert digest(b'{"amount":250.00}') != digest(b'{"amount":250.01}')
