"""What people corrected in a sheet and left out of it, as `run`, `validate`, `plan` and `batches` see it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from openpyxl import load_workbook
from support.command import Command
from support.journals import KINDS, place

from pipeline.domain.drafts import Correction, LeftOut
from pipeline.journal import drafts
from pipeline.journal.journal import Journal, open_journal

SHEET = (
    "Reference,First Name,Last Name,Email,Amount,Institution,Transit,Account\n"
    "R-1,Ann,Roe,ann@@example.com,1.00,,,\n"
    "R-2,Bob,Poe,bob@example.com,2.00,,,\n"
    "R-3,Cy,Doe,cy@example.com,3.00,,,\n"
)
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FIXED = Correction("", 2, 3, "Email", "ann@@example.com", "ann@example.com", "zoe", AT)
OUT = LeftOut("", 3, "moved to Gaspé", "liam", AT)


def known_as(who: str, url: str) -> str:
    """A person, with the account of the database where that knows them by another name."""
    return f"{who} (postgres)" if url.startswith("postgresql") else who


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "billing.csv"
    path.write_text(SHEET, encoding="utf-8")
    return path


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with place(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def change(url: str, sheet: Path) -> Callable[..., None]:
    """Corrects rows of the sheet in the journal, or leaves them out."""

    def changed(*changes: Correction | LeftOut, environment: str = "sandbox") -> None:
        with open_journal(url) as journal:
            draft = journal.write(drafts.ensure, environment, digest(sheet), "billing.csv", ("zoe", AT))
            for one in changes:
                if isinstance(one, Correction):
                    journal.write(drafts.correct, draft.id, [one])
                else:
                    journal.write(drafts.leave_out, draft.id, one)

    return changed


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def errors(path: Path) -> dict[int, list[str]]:
    """The cells of the sheet `Errors`, by row numbers."""
    book = load_workbook(path)
    rows = [[str(cell or "") for cell in row] for row in book["Errors"].iter_rows(min_row=2, values_only=True)]
    return {int(row[0]): row for row in rows if row[0].isdigit()}


def test_run_applies_the_corrections_of_the_same_bytes(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """The corrected row is sent, the one left out is not; both are said, in the workbook and in one line."""
    change(FIXED, OUT)
    before = sheet.read_bytes()
    done = command("run", sheet, "--sandbox", "--journal", url, "--json")
    told = done.json()
    assert (done.code, told["counts"]["created"], told["counts"]["invalid"]) == (1, 2, 1)
    assert told["leftOut"] == {"rows": 1, "amount": "2.00"}
    assert [error["code"] for error in told["errors"]] == ["left-out"]
    assert "applied to this sheet: 1 correction, 1 row left out" in done.err
    assert sheet.read_bytes() == before
    book = load_workbook(told["output"])
    cells = [[str(cell or "") for cell in row] for row in book["Results"].iter_rows(values_only=True)]
    at = cells[0].index("notices")
    assert cells[1][at] == f'Email: corrected from "ann@@example.com" by {known_as("zoe", url)} on 2026-11-24'
    assert cells[2][cells[0].index("errors")] == f"left out by {known_as('liam', url)} on 2026-11-24: moved to Gaspé"
    assert errors(Path(told["output"])) == {}
    assert "Left out by a person: 1 ($2.00)." in str(book["Summary"]["A1"].value)
    assert "Need a person" not in str(book["Summary"]["A1"].value)


def test_the_same_in_french(command: Command, url: str, sheet: Path, change: Callable[..., None]) -> None:
    """The line and the sentences."""
    change(FIXED, OUT)
    done = command("validate", sheet, "--sandbox", "--journal", url, "--lang", "fr", "-o", sheet.with_suffix(".xlsx"))
    assert "appliqué à cette feuille : 1 correction, 1 ligne exclue" in done.err
    book = load_workbook(sheet.with_suffix(".xlsx"))
    text = " ".join(str(cell) for row in book.worksheets[1].iter_rows(values_only=True) for cell in row)
    assert f"corrigé par {known_as('zoe', url)} le 2026-11-24 ; la feuille contient « ann@@example.com »" in text
    assert f"exclue par {known_as('liam', url)} le 2026-11-24 : moved to Gaspé" in text


def test_validate_asks_nobody_to_fix_a_row_that_is_left_out(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """And without its correction the other row is still wrong."""
    change(OUT)
    done = command("validate", sheet, "--sandbox", "--journal", url)
    assert "row 2:" in done.out + done.err
    assert "row 3:" not in done.out + done.err


def test_strict_is_content_once_a_person_has_decided(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """`--strict` refuses what needs a person, not what a person left out."""
    change(OUT)
    assert command("run", sheet, "--sandbox", "--journal", url, "--strict").code == 3
    change(FIXED)
    assert command("run", sheet, "--sandbox", "--journal", url, "--strict").code == 1


def test_other_bytes_and_another_environment_have_no_corrections(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """A draft is of these bytes, in this environment."""
    change(FIXED, OUT, environment="https://api.example.com")
    done = command("validate", sheet, "--sandbox", "--journal", url, "--json")
    assert (done.json()["counts"]["invalid"], "applied" in done.err) == (1, False)


def test_leaving_out_the_first_of_two_rows_of_one_reference_sends_the_second(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """So a person says which of the two is meant; run again, nobody is asked twice."""
    sheet.write_text(SHEET.replace("R-2", "R-3"), encoding="utf-8")
    change(FIXED, OUT)
    for expected in ("created", "already-created"):
        told = command("run", sheet, "--sandbox", "--journal", url, "--json").json()
        assert (told["counts"][expected], told["counts"]["invalid"]) == (2, 1)
        assert [error["code"] for error in told["errors"]] == ["left-out"]
        assert told["wholeBatch"]["rows"] == 3


def test_a_plan_has_what_was_corrected(command: Command, url: str, sheet: Path, change: Callable[..., None]) -> None:
    """A correction after the plan is a difference from it."""
    change(FIXED)
    made = command("plan", sheet, "--sandbox", "--journal", url)
    assert made.code == 0, made
    change(OUT)
    done = command("run", sheet, "--sandbox", "--journal", url, "--plan", "billing-p1")
    assert (done.code, "row 3" in done.err) == (3, True)


def test_a_correction_that_does_not_fit_is_refused(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """What a person typed is never dropped in silence."""
    change(Correction("", 2, 3, "E-mail", "x", "y", "zoe", AT))
    done = command("run", sheet, "--sandbox", "--journal", url)
    assert (done.code, '"E-mail"' in done.err, "zoe" in done.err) == (3, True, True)


def test_the_story_of_a_batch_has_its_corrections(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """Row, column, before, after, who and when; an account number by its end only."""
    account = Correction("", 2, 7, "Account", "", "98765431", "zoe", AT)
    change(FIXED, account, Correction("", 2, 7, "Account", "98765431", "", "zoe", AT), OUT)
    command("run", sheet, "--sandbox", "--journal", url)
    told = command("batches", "show", "billing", "--sandbox", "--journal", url, "--json").json()
    first, second, _ = told["corrections"]
    assert first == {
        "sheet": "",
        "row": 2,
        "column": "Email",
        "before": "ann@@example.com",
        "after": "ann@example.com",
        "who": known_as("zoe", url),
        "at": first["at"],
    }
    assert datetime.fromisoformat(first["at"]) == AT
    assert second["after"] == "•••5431"
    assert [(one["row"], one["reason"], one["who"], one["out"]) for one in told["leftOut"]] == [
        (3, "moved to Gaspé", known_as("liam", url), True)
    ]
    shown = command("batches", "show", "billing", "--sandbox", "--journal", url).out
    assert f'row 2, Email: {known_as("zoe", url)} corrected "ann@@example.com" to "ann@example.com"' in shown
    assert f"row 3: {known_as('liam', url)} left it out" in shown
    assert "98765431" not in shown + json.dumps(told)


def test_a_correction_that_comes_twice_is_told_once(
    command: Command, url: str, sheet: Path, change: Callable[..., None]
) -> None:
    """A page keeps a cell when it is left, and once more when its form is sent."""
    change(FIXED)
    change(FIXED)
    command("run", sheet, "--sandbox", "--journal", url)
    told = command("batches", "show", "billing", "--sandbox", "--journal", url, "--json").json()
    assert len(told["corrections"]) == 1


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "never sent"])
def test_a_purge_forgets_the_people_and_still_asks_nobody(
    command: Command, url: str, sheet: Path, change: Callable[..., None], sent: bool
) -> None:
    """Nothing that a person typed is left; what was not asked for then is not asked for by the same file now."""
    change(FIXED, OUT)
    command("run" if sent else "validate", sheet, "--sandbox", "--journal", url)
    with open_journal(url) as journal:
        if not sent:
            draft = journal.read(drafts.find, "sandbox", digest(sheet))
            journal.write(drafts.choose, draft.id, "billing", draft.choices, ("zoe", AT))
        age(journal)
    assert command("batches", "purge", "--before", "2026-01-01", "--yes", "--sandbox", "--journal", url).code == 0
    with open_journal(url) as journal:
        draft = journal.read(drafts.find, "sandbox", digest(sheet))
        assert (draft is not None) == sent
        if draft is not None:
            assert journal.read(drafts.corrections_of, [draft.id]) == []
            assert {one.reason for one in journal.read(drafts.left_out_of, [draft.id])} == {"…"}
    if sent:
        again = command("run", sheet, "--sandbox", "--journal", url, "--json", "--batch", "billing").json()
        assert (again["counts"]["created"], again["leftOut"]["rows"]) == (0, 2)
        purged = command("batches", "purge", "--before", "2026-01-01", "--yes", "--sandbox", "--journal", url, "--json")
        assert purged.json()["purged"] == []


def age(journal: Journal) -> None:
    """Make everything in a journal a year older."""
    with journal.engine.begin() as connection:
        for table, names in (
            ("batches", ["created_at"]),
            ("runs", ["started_at"]),
            ("attempts", ["intended_at", "settled_at"]),
            ("drafts", ["changed_at"]),
        ):
            for name in names:
                connection.exec_driver_sql(f"UPDATE {table} SET {name} = '2025-11-24T12:00:00.000000+00:00'")
