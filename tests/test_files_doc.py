"""`docs/files.md`: each promise about a real file names the test that shows it."""

import ast
import re
from pathlib import Path

import pytest

from pipeline.report.exports import load_receivables

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "files.md").read_text("utf-8")
LINES = [line for line in TEXT.splitlines() if line.startswith("| ") and "shown by" not in line]
PROMISES = [line for line in LINES if "::" in line]


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("line", PROMISES, ids=lambda line: line.split(" | ")[0].lstrip("| "))
def test_every_promise_is_shown_by_a_test_that_exists(line: str) -> None:
    """A promise without its test, or with one that was renamed, is a failing test."""
    what, promise, shown = (cell.strip() for cell in line.strip("|").split(" | "))
    name = re.fullmatch(r"`([a-z]+/test_\w+\.py)::(test_\w+)`", shown)
    assert what
    assert promise
    assert name is not None
    assert name[2] in _tests_of(TESTS / name[1])


def test_no_line_of_the_table_lacks_its_test() -> None:
    """From the first table on, a line is a promise with its test or the title of a group."""
    first = LINES[: next(number for number, line in enumerate(LINES) if "`--csv" in line)]
    assert [line for line in first if "::" not in line and not line.startswith("| **") and "what" not in line] == []


def test_the_example_of_a_mapping_is_right(tmp_path: Path) -> None:
    """The mapping shown is one that the program takes."""
    [example] = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "ar.toml").write_text(example, encoding="utf-8")
    mapping = load_receivables(tmp_path / "ar.toml", ())
    assert mapping.names == ("Invoice No", "Customer", "Account", "Amount", "Date")
