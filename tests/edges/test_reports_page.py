"""docs/reports.md does not promise what the program does not do: every example in it is read."""

import re
from pathlib import Path

import pytest

from pipeline.reconciliation.amounts import amount_of
from pipeline.reconciliation.daily_reports import read_report
from pipeline.reconciliation.dates import DateOrder, moment_of
from pipeline.reconciliation.remarks import Unreadable
from pipeline.reconciliation.vocabulary import load_vocabulary
from schemas.money import Convention
from schemas.reports import Meaning, ReportField

PAGE = (Path(__file__).parents[2] / "docs" / "reports.md").read_text("utf-8")
SECTIONS = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile("^```(csv|text)", re.MULTILINE)
KINDS = {part.partition("\n")[0]: dict(FENCE.findall(part)) for part in SECTIONS if EXAMPLE.search(part)}

COMES_TO = {
    "A daily report of the payment service": [("125.40", "settled", "2026-11-28"), ("81.00", "ended", "")],
    "The same in French": [("1125.40", "settled", "2026-11-28"), ("81.00", "returned", "2026-11-30")],
    "The table of the end-of-day e-mail": [("125.40", "paid", ""), ("81.00", "paid", "")],
    "A bank statement with a column for each direction": [
        ("125.40", "settled", "2026-11-27"),
        ("-12.95", "settled", "2026-11-28"),
    ],
    "A bank statement with one amount": [("125.40", "settled", "2026-11-27"), ("-10.95", "settled", "2026-11-28")],
    "A bank statement without headings": [("125.40", "settled", "2026-11-27"), ("-12.95", "settled", "2026-11-28")],
    "QuickBooks' deposit detail": [("125.40", "settled", "2026-11-28"), ("81.00", "settled", "2026-11-28")],
}


def test_every_example_of_the_page_is_run() -> None:
    assert KINDS.keys() == COMES_TO.keys()


@pytest.mark.parametrize("kind", COMES_TO)
def test_an_example_comes_to_what_it_says(tmp_path: Path, kind: str) -> None:
    """Each line is there with its amount, its meaning and its day, none is damaged, and every total agrees."""
    found = dict(KINDS[kind])
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(found.pop("toml", ""), encoding="utf-8")
    report = tmp_path / "report.csv"
    [text] = found.values()
    report.write_text(text, encoding="utf-8")
    daily = read_report(report, load_vocabulary(mapping))
    lines = [(str(line.amount), line.meaning.value, line.settled) for line in daily.lines]
    assert (lines, daily.damaged, daily.disagrees) == (COMES_TO[kind], (), ())


def test_the_example_of_a_mapping_file_is_one(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(FENCE.findall(SECTIONS[-1])[0][1], encoding="utf-8")
    words = load_vocabulary(path)
    assert (words.dates, words.meaning_of("viré")) == (DateOrder.DAY_FIRST, Meaning.SETTLED)
    fields = re.findall("`(\\w+)`", SECTIONS[-1].rpartition("The fields are")[2])
    assert {*fields} == {*map(str, ReportField)}


def test_every_word_of_the_page_means_what_it_says() -> None:
    rows = re.findall(r"^\| (\w+): [^|]*\| (.*) \|$", PAGE, re.MULTILINE)
    assert {meaning for meaning, _ in rows} == {*map(str, Meaning)} - {"look"}
    words = load_vocabulary(None)
    wrong = [word for meaning, told in rows for word in re.split("[,;] ", told) if words.meaning_of(word) != meaning]
    assert wrong == []


def test_every_date_and_amount_of_the_page_is_read() -> None:
    dates, amounts = (_typed_below(f"## {title}") for title in ("Days and times", "Amounts"))
    assert len(dates) == 7
    assert None not in [moment_of(date, "s", DateOrder.UNKNOWN) for date in dates]
    assert [str(amount_of(text, "s", Convention.POINT)) for text in amounts[:6]] == [
        "125.40",
        "1250.00",
        "1250.00",
        "125.40",
        "-45.00",
        "-45.00",
    ]


def test_two_amounts_in_one_cell_are_shown_on_one_line() -> None:
    """They are no amount, and what is said of them has no codes of characters."""
    with pytest.raises(Unreadable) as found:
        amount_of("103,00\n10,00", "s", Convention.COMMA)
    assert found.value.why.in_language("en") == '"103,00 10,00" contains several numbers'


def _typed_below(title: str) -> list[str]:
    """What stands in backticks in the first paragraph below a title."""
    return re.findall("`(.*?)`", PAGE.partition(title)[2].strip().partition("\n\n")[0])
