"""The keys under which the journal knows rows, and which of several equal rows is which."""

import pytest

from pipeline.domain.row_keys import Past, assign, occurrence, split, stored


def test_a_short_identity_is_its_own_key() -> None:
    """A person can read a reference in the journal."""
    assert stored("ref:INV-1") == "ref:INV-1"


@pytest.mark.parametrize("identity", ["key:[zoe@example.com]", "ref:" + "9" * 300, "ref:INV\0"])
def test_own_columns_and_what_no_index_takes_are_kept_as_a_digest(identity: str) -> None:
    """It says of what kind the identity is and nothing of its content."""
    key = stored(identity)
    assert key.startswith(identity[:4])
    assert (len(key), identity[4:] in key) == (68, False)


@pytest.mark.parametrize(("base", "number", "key"), [("ref:A", 1, "ref:A"), ("ref:A", 12, "ref:A\t#12")])
def test_an_occurrence_is_in_the_key_from_the_second_on(base: str, number: int, key: str) -> None:
    """The first keeps the bare key, which a run without `#` gave it."""
    assert (occurrence(base, number), split(key)) == (key, (base, number))


@pytest.mark.parametrize("key", ["ref:A\t#", "ref:A#2"])
def test_what_only_looks_like_an_occurrence_is_a_bare_key(key: str) -> None:
    """Its number has to be one."""
    assert split(key) == (key, 1)


A, B, C = b"a", b"b", b"c"
CREATED_A, CREATED_B = Past(effective={A}), Past(effective={B})


@pytest.mark.parametrize(
    ("contents", "past", "occurrences", "doubtful", "changed"),
    [
        pytest.param([A, B], {}, (1, 2), (), (), id="nothing known: counted"),
        pytest.param([C, A], {1: CREATED_A}, (2, 1), (), (), id="a row inserted above takes no key"),
        pytest.param([A, A], {2: CREATED_A}, (2, 1), (), (), id="of equal rows the first has it"),
        pytest.param([None, B], {1: Past(without_effect={B})}, (2, 1), (), (), id="a faulty row is counted"),
        pytest.param([C], {1: CREATED_A}, (1,), (), (1,), id="one changed row"),
        pytest.param([B, C], {1: CREATED_A}, (1, 2), (1,), (1,), id="either may be the changed row"),
        pytest.param([A, B], {1: CREATED_B, 2: CREATED_A}, (2, 1), (), (), id="rows that changed places"),
    ],
)
def test_a_row_keeps_the_occurrence_that_has_its_content(
    contents: list[bytes | None],
    past: dict[int, Past],
    occurrences: tuple[int, ...],
    doubtful: tuple[int, ...],
    changed: tuple[int, ...],
) -> None:
    """Counting alone would ask somebody again when a row is inserted above."""
    found = assign(contents, past)
    assert (found.occurrences, found.doubtful, found.changed) == (occurrences, doubtful, changed)
