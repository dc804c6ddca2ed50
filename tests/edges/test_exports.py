"""Files beside the workbook: CSV, Parquet, receivables and the HTML page, as real files."""

from __future__ import annotations

import csv
import stat
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.workbook_batches import columns, month, one_column, report

from pipeline.domain.errors import UsageError
from pipeline.domain.model import ControlTotal, Report, ReportRow, SheetRow, Status
from pipeline.messages import explain
from pipeline.report import exports, page
from pipeline.report.styles import STATUS_COLOURS
from pipeline.system.atomic_output import put
from schemas.faults import Fault
from schemas.fields import OWN_COLUMNS
from schemas.languages import Lang

WRITERS = {"--csv": exports.write_csv, "--parquet": exports.write_parquet, "--html": page.write_page}


def write(
    option: str, path: Path, about: Report | None = None, rows: list[ReportRow] | None = None, lang: Lang = "en"
) -> None:
    """One file beside the workbook, put in its place as `run` does."""
    about, rows = about or report(), month() if rows is None else rows
    put(path, lambda part: WRITERS[option](about, rows, part, lang))


def read_csv(path: Path, **how: Any) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, **how))


# ---------------------------------------------------------------------------------------------------------------
# A text can't become a formula


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")', id="equals"),
        pytest.param("+1-2", "'+1-2", id="plus"),
        pytest.param("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0", id="minus"),
        pytest.param("@SUM(1)", "'@SUM(1)", id="at"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage return"),
        pytest.param("  =1", "'  =1", id="behind blanks"),
        pytest.param("\uff1d1+1", "'\uff1d1+1", id="full width"),
        pytest.param("-12.50", "-12.50", id="a negative amount"),
        pytest.param("-12,50", "-12,50", id="a negative amount with a comma"),
        pytest.param("+15145551234", "+15145551234", id="a phone number"),
        pytest.param("0012", "0012", id="zeros in front"),
        pytest.param("Zoé = Ann", "Zoé = Ann", id="a sign within"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_text_becomes_no_formula_and_a_number_stays_one(tmp_path: Path, text: str, expected: str) -> None:
    """What a spreadsheet would calculate gets an apostrophe; numbers come out as they went in."""
    about, rows = one_column([text])
    write("--csv", tmp_path / "out.csv", about, rows)
    assert read_csv(tmp_path / "out.csv")[1][1] == expected


@given(st.text())
def test_no_text_at_all_begins_like_a_formula(text: str) -> None:
    """Whatever a cell holds, what stands in the file is a number or begins with no sign of a formula."""
    out = exports.escape_formula(text)
    assert out.removeprefix("'") == text.removeprefix("'") or out == f"'{text}"
    head = out.lstrip()[:1]
    assert head not in {"=", "@"}
    assert head not in {"+", "-"} or out[1:].replace(".", "").replace(",", "").isdecimal()
    assert out[:1] not in {"\t", "\r", "\n"}


# ---------------------------------------------------------------------------------------------------------------
# CSV and Parquet


def test_the_csv_has_the_columns_and_rows_of_results(tmp_path: Path) -> None:
    """Row numbers, the user's columns and ours, in the sheet's order, with accounts by their end only."""
    write("--csv", tmp_path / "out.csv")
    head, *lines = read_csv(tmp_path / "out.csv")
    assert head == ["row", *(column.heading for column in report().columns), *OWN_COLUMNS, "file"]
    assert [line[0] for line in lines] == [str(row.row.number) for row in month()]
    at = head.index("Account")
    assert all(line[at].startswith("•••") for line in lines)
    sent = [line[head.index("amountSent")] for line in lines]
    assert sent == ["" if row.amount_sent is None else f"{row.amount_sent:.2f}" for row in month()]


def test_the_csv_hides_a_whole_account_in_the_transit_s_column(tmp_path: Path) -> None:
    """What `Results` hides is hidden beside it too."""
    about = report(columns=columns(("Transit", "transitNumber", ""), ("Account", "accountNumber", "")))
    cells = (("30265-003-9876541", ""), ("30265", "9876541"))
    rows = [ReportRow(SheetRow(n, cell, "ss"), Status.NOT_SENT, None, None) for n, cell in enumerate(cells, 2)]
    write("--csv", tmp_path / "out.csv", about, rows)
    assert [line[1:3] for line in read_csv(tmp_path / "out.csv")[1:]] == [["•••6541", ""], ["30265", "•••6541"]]


def test_parquet_keeps_types_and_adds_up_to_the_cent(tmp_path: Path) -> None:
    """Amounts are decimals, times are times, identifiers are texts; the sum is that of the rows."""
    write("--parquet", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert sum(filter(None, table["amountSent"].to_pylist())) == sum(row.amount_sent or 0 for row in month())
    assert table["Invoice #"].to_pylist() == [row.row.cells[0] for row in month()]
    assert str(table.schema.field("amountSent").type) == "decimal128(18, 2)"
    first = table["createdAt"].to_pylist()[0]
    assert first == datetime(2026, 11, 24, 17, 0, 5, tzinfo=UTC)


def test_parquet_names_are_unique(tmp_path: Path) -> None:
    """A heading that stands twice, or is one of ours, gets a number; ours keep their names."""
    about = report(columns=columns(("Due", None, ""), ("Due", None, ""), ("status", None, "")))
    rows = [ReportRow(SheetRow(2, ("a", "b", "\ud800"), "sss"), Status.CREATED, None, None)]
    write("--parquet", tmp_path / "out.parquet", about, rows)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names[:5] == ["row", "Due", "Due (2)", "status (2)", "status"]
    assert table["status"].to_pylist() == ["created"]


def test_without_pyarrow_one_sentence_says_what_to_install() -> None:
    """A machine without the extra is told so before anything else happens."""
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pipeline.report.exports import require_parquet\n"
        "from pipeline.domain.errors import UsageError\n"
        "from pipeline.messages import explain\n"
        "try:\n    require_parquet()\nexcept UsageError as failure:\n    print(explain(failure))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert "flinks-import[parquet]" in done.stdout


# ---------------------------------------------------------------------------------------------------------------
# Receivables

MAPPING = """
order = ["No", "Client", "GL", "Total", "Made", "Due", "Memo"]
date_format = "%d/%m/%Y"
decimal = ","
delimiter = ";"
[columns]
referenceId = "No"
lastName = "Client"
amount = "Total"
createdAt = "Made"
Due = "Due"
[constants]
GL = "1200"
Memo = "=NOW()"
"""


def receivables(tmp_path: Path, text: str) -> exports.Receivables:
    path = tmp_path / "ar.toml"
    path.write_text(text, encoding="utf-8")
    return exports.load_receivables(path, report().columns)


def test_a_receivables_import_has_the_columns_that_the_mapping_names(tmp_path: Path) -> None:
    """Order, constants, date format, decimal mark and separator are the mapping's; only rows with a session are in."""
    mapping = receivables(tmp_path, MAPPING)
    path = tmp_path / "ar.csv"
    put(path, lambda part: exports.write_receivables(report(), month(), part, mapping))
    head, *lines = read_csv(path, delimiter=";")
    made = [row for row in month() if row.session_id]
    assert head == ["No", "Client", "GL", "Total", "Made", "Due", "Memo"]
    assert len(lines) == len(made)
    assert lines[0][:5] == [
        "INV-2026-0000",
        "Tremblay",
        "1200",
        f"{made[0].amount:.2f}".replace(".", ","),
        "24/11/2026",
    ]
    assert lines[0][5:] == ["01/12/2026", "'=NOW()"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param('[columns]\nrefrence = "No"', '[columns] "refrence"', id="an unknown source"),
        pytest.param('[columns]\nreferenceId = "A"\nemail = "A"', '2 x "A"', id="one name twice"),
        pytest.param('colums = 1\n[columns]\nemail = "A"', '"colums"', id="an unknown key"),
        pytest.param('order = ["B"]\n[columns]\nemail = "A"', "order = ['A']", id="an order of other columns"),
        pytest.param('decimal = ","\n[columns]\nemail = "A"', "delimiter = decimal", id="a comma for two things"),
        pytest.param('statuses = ["paid"]\n[columns]\nemail = "A"', "statuses = [", id="an unknown status"),
        pytest.param('encoding = "latin"\n[columns]\nemail = "A"', "encoding = ", id="an unknown encoding"),
        pytest.param("", "[columns] = 0", id="no column"),
        pytest.param("[columns]\nemail = 1", "[columns]", id="a name that is no text"),
    ],
)
def test_a_mistake_in_a_receivables_mapping_is_named(tmp_path: Path, text: str, told: str) -> None:
    """Every mistake is said before anything is sent."""
    with pytest.raises(UsageError) as failure:
        receivables(tmp_path, text)
    assert told in explain(failure.value)


# ---------------------------------------------------------------------------------------------------------------
# The page


class Markup(HTMLParser):
    """Collects every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_page_loads_and_runs_nothing(lang: Lang) -> None:
    """No script, no address, no event: whatever a batch is called and whatever its references are."""
    rows = [
        ReportRow(
            SheetRow(2, (HOSTILE, "\x00\ud800"), "ss"), Status.REJECTED, None, None, errors=(Fault("missing", HOSTILE),)
        )
    ]
    about = report(
        batch=HOSTILE,
        columns=columns(("Ref", "referenceId", ""), ("Own", None, "")),
        controls=(ControlTotal(HOSTILE, "1", "2", agrees=False),),
    )
    made = Markup(page.page(about, rows, lang))
    assert {tag for tag, _ in made.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "br", "strong"),
        *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "span"),
    }
    attributes = {name for _, attrs in made.tags for name in attrs}
    assert attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "style", "colspan"}
    assert "url(" not in page.page(about, rows, lang)
    assert HOSTILE in made.text
    assert dict(made.tags)["html"] == {"lang": lang}


def test_a_control_total_that_differs_meets_the_eye() -> None:
    """On the page it is red like an invalid row, and one that agrees is green like a created one."""
    made = Markup(page.page(report(), month()))
    fills = [str(attrs["style"]) for tag, attrs in made.tags if tag == "td" and "style" in attrs]
    without = Markup(page.page(report(controls=()), month()))
    others = [str(attrs["style"]) for tag, attrs in without.tags if tag == "td" and "style" in attrs]
    look = {status: "background:{};color:{}".format(*STATUS_COLOURS[status]) for status in Status}
    assert sorted(fills) == sorted([*others, look[Status.CREATED], look[Status.INVALID]])


def test_a_page_of_a_check_names_no_environment() -> None:
    """A check has none, and "environment" without its name says nothing."""
    text = Markup(page.page(report(environment="", dry_run=True), month(3))).text
    assert "billing-2026-11.xlsx" in text
    assert "environment" not in text


def test_the_page_holds_no_more_of_a_person_than_the_reference() -> None:
    """No name, address, account number, session or link is in it; the references of rows that need a person are."""
    text = page.page(report(), month())
    for row in month():
        assert not row.session_id or row.session_id not in text
        assert row.row.cells[3] not in text
        assert row.row.cells[7] not in text
    assert "Ångström" not in text
    assert "jane@@x.ca" not in text
    assert "INV-2026-0009" in text
    assert "INV-2026-0000" not in text, "a row that needs nobody"


def test_what_the_api_says_is_told_without_the_persons_data() -> None:
    """A refusal keeps its words; the account, the address and the name that it repeats are left out."""
    message = "Zoé Tremblay <zoe@x.ca>, account 98765410000, is unknown to 5f3c2a1e-0000-4c1d-8000-1234567890ab"
    fault = Fault("refused", details=(("status", "422"), ("message", message)))
    about = report(columns=columns(("First", "firstName", ""), ("Last", "lastName", "")))
    rows = [ReportRow(SheetRow(2, ("Zoé", "Tremblay"), "ss"), Status.REJECTED, None, None, errors=(fault,))]
    text = Markup(page.page(about, rows)).text
    assert "is unknown to" in text
    assert not any(value in text for value in ("Zoé", "Tremblay", "zoe@x.ca", "98765410000", "5f3c2a1e"))


NUMBERS = {
    "en": ("1,199 more", "1,699", "17507.00"),
    "fr": ("1\u00a0199 de plus", "1\u00a0699", "17\u00a0507,00\u00a0$"),
}


@pytest.mark.parametrize("lang", NUMBERS)
def test_the_page_writes_numbers_as_the_language_does(lang: Lang) -> None:
    """The table, the sentences and the control totals of a French page have no English number."""
    rows = [
        ReportRow(SheetRow(number, (f"A-{number}",), "s"), Status.FAILED, None, Decimal("1.00"))
        for number in range(2, 1701)
    ]
    text = Markup(page.page(report(columns=columns(("Ref", "referenceId", ""))), rows, lang)).text
    for told, numbers in NUMBERS.items():
        assert [number in text for number in numbers] == [told == lang] * len(numbers)


def test_a_long_list_is_cut_and_says_so() -> None:
    """A mail has the first 500 rows that need a person and the number of the others."""
    rows = [
        ReportRow(SheetRow(number, (f"A-{number}",), "s"), Status.FAILED, None, Decimal("1.00"))
        for number in range(2, 703)
    ]
    text = Markup(page.page(report(columns=columns(("Ref", "referenceId", ""))), rows)).text
    assert "… and 201 more" in text
    assert "A-501" in text
    assert "A-502" not in text


# ---------------------------------------------------------------------------------------------------------------
# Places


@pytest.mark.parametrize("option", WRITERS)
def test_a_file_is_for_its_owner_only(tmp_path: Path, option: str) -> None:
    """Nobody else can read it, and nothing is left beside it."""
    path = tmp_path / "out"
    write(option, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("option", WRITERS)
@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        pytest.param(
            "nowhere/out",
            "The folder {folder} for {option} does not exist. Create it, or choose another place.",
            id="no folder",
        ),
        pytest.param("folder", "{path} is a folder. Give {option} a file name.", id="a folder"),
        pytest.param(
            "out.xlsx",
            "This run already writes another file to {path}. Choose another place for {option}.",
            id="the workbook's place",
        ),
    ],
)
def test_a_place_that_can_not_be_had_is_told_before_anything_is_sent(
    tmp_path: Path, option: str, place: str, sentence: str
) -> None:
    """The option and the path are named, in both languages."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError) as failure:
        exports.check_file(tmp_path / place, option, [tmp_path / "out.xlsx"])
    assert failure.value.text == sentence
    for lang in ("en", "fr"):
        assert option in explain(failure.value, lang)


def test_a_file_that_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    """Whole or not at all: an earlier file stays as it was when the new one can't be finished."""
    path = tmp_path / "out.csv"
    write("--csv", path)
    before = path.read_bytes()

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        put(path, fail)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
