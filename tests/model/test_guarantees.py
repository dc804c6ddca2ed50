"""`docs/guarantees.md` names tests that exist."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "guarantees.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_named_test_exists() -> None:
    """A promise is only as good as the test that shows it."""
    missing = [f"{path}::{name}" for path, name in NAMED if name not in _tests_of(REPOSITORY / path)]
    assert missing == []


def test_every_promise_names_a_test() -> None:
    """Each line of a table of promises ends with at least one test."""
    promises = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(promises) > 30
    assert [line for line in promises if "::test_" not in line] == []


def _tests_of(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
