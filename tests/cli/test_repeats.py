"""Repeats: the same charge never twice, whatever became of the file; another charge always, whoever it resembles."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from support.command import Command, Finished, StandaloneSandbox

HEADINGS = ("Invoice #", "First name", "Last name", "Email", "Amount", "Contract", "sendInteracLink")


def charge(
    reference: str = "INV-1", who: str = "Zoé", amount: str = "250.00", contract: str = "K-1", link: str = "yes"
) -> tuple[str, ...]:
    return (
        reference,
        who,
        "Tremblay",
        f"{hashlib.sha256(who.encode()).hexdigest()[:8]}@example.com",
        amount,
        contract,
        link,
    )


MONTH = (charge("INV-1", "Zoé"), charge("INV-2", "Liam", "99.00", "K-2"), charge("INV-3", "Nadège", "12.50", "K-3"))


def write(path: Path, charges: tuple[tuple[str, ...], ...] | list[tuple[str, ...]]) -> Path:
    if path.suffix == ".xlsx":
        book = Workbook()
        for row in (HEADINGS, *charges):
            book.active.append(list(row))
        book.save(path)
    else:
        path.write_text("\n".join(",".join(row) for row in (HEADINGS, *charges)) + "\n", encoding="utf-8")
    return path


class Office:
    """Somebody who runs sheets against one sandbox, and reads the summary."""

    def __init__(self, command: Command, sandbox: StandaloneSandbox) -> None:
        self.command, self.sandbox = command, sandbox

    def sheet(self, charges: tuple[tuple[str, ...], ...] | list[tuple[str, ...]], name: str = "billing.csv") -> Path:
        return write(self.command.home / name, charges)

    def run(self, path: Path, *more: str) -> Finished:
        return self.command("run", path, "--yes", "--json", *more, env=self.sandbox.env)

    def counts(self, path: Path, *more: str) -> dict[str, int]:
        """The statuses that some rows have."""
        return {status: count for status, count in self.run(path, *more).json()["counts"].items() if count}

    def asked(self) -> dict[str, int]:
        """How often each reference was asked for, on the wire."""
        return self.sandbox.received()

    def time_passes(self, days: int) -> None:
        """Move everything in the journal back: the clock goes on."""
        columns = {
            "batches": ("created_at",),
            "runs": ("started_at", "staged_at", "ended_at"),
            "attempts": ("intended_at", "settled_at"),
        }
        with closing(sqlite3.connect(self.command.data / "journal.sqlite")) as connection, connection:
            for table, names in columns.items():
                for name in names:
                    found = connection.execute(f"SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL").fetchall()
                    for key, text in found:
                        moved = datetime.fromisoformat(text).astimezone(UTC) - timedelta(days=days)
                        told = moved.isoformat(timespec="microseconds")
                        connection.execute(f"UPDATE {table} SET {name} = ? WHERE id = ?", (told, key))


@pytest.fixture
def office(command: Command, standalone_sandbox: StandaloneSandbox) -> Office:
    return Office(command, standalone_sandbox)


# ---------------------------------------------------------------------------------------------------------------
# The same file


def test_the_same_command_again_asks_nobody_and_says_so_first(office: Office) -> None:
    """A run that creates nothing because everything existed says so first, with the date."""
    sheet = office.sheet(MONTH)
    assert office.counts(sheet) == {"created": 3}
    again = office.command("run", sheet, "--yes", env=office.sandbox.env)
    assert again.code == 0
    first = again.out.splitlines()[0]
    assert f"{datetime.now().astimezone():%Y-%m-%d}" in first
    assert "Nothing was sent" in first
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "INV-3": 1}


def _saved_as_workbook(office: Any, sheet: Path) -> Any:
    return office.sheet(MONTH, "billing-final.xlsx")


def _sorted_and_in_another_case(office: Any, sheet: Path) -> Any:
    return office.sheet([tuple(c.upper() if "@" in c else c for c in row) for row in reversed(MONTH)], "sorted.csv")


def _delivered_otherwise(office: Any, sheet: Path) -> Any:
    return office.sheet([(*row[:-1], "no") for row in MONTH], "links.csv")


COPIES = [_saved_as_workbook, _sorted_and_in_another_case, _delivered_otherwise]


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.__name__.strip("_"))
def test_the_same_charges_under_another_name_are_held(office: Office, copy: Callable[..., Any]) -> None:
    """The same rows in another file are caught by `held`, which names the batch and the day."""
    sheet = office.sheet(MONTH)
    assert office.counts(sheet) == {"created": 3}
    again = office.run(copy(office, sheet))
    assert again.code == 1
    assert again.json()["counts"]["held"] == 3
    assert all("batch billing " in error["message"] for error in again.json()["errors"])
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "INV-3": 1}


def test_a_repeat_that_is_allowed_is_sent_once(office: Office) -> None:
    """`--allow-repeats` asks again, and running that command once more does not."""
    office.run(office.sheet(MONTH))
    copy = office.sheet(MONTH, "copy.csv")
    assert office.counts(copy, "--allow-repeats") == {"created": 3}
    assert office.counts(copy, "--allow-repeats") == {"already-created": 3}
    assert office.asked() == {"INV-1": 2, "INV-2": 2, "INV-3": 2}


def test_the_file_saved_anew_under_its_own_name_goes_on(office: Office) -> None:
    """Other bytes with the same rows are the same batch: nobody is asked, nothing is held."""
    sheet = office.sheet(MONTH, "billing.xlsx")
    assert office.counts(sheet) == {"created": 3}
    before = sheet.read_bytes()
    book = load_workbook(sheet)
    book.active.column_dimensions["A"].width = 40
    book.save(sheet)
    assert sheet.read_bytes() != before
    assert office.counts(sheet) == {"already-created": 3}


# ---------------------------------------------------------------------------------------------------------------
# Sheets that change


def test_a_corrected_sheet_sends_the_corrected_rows_only(office: Office) -> None:
    """Rows that were invalid or refused are sent once they are fixed; the others are left alone."""
    wrong = (MONTH[0], charge("INV-2", "Liam", "0"), charge("Refuse400-3", "Mei"))
    assert office.counts(office.sheet(wrong)) == {"created": 1, "invalid": 1, "rejected": 1}
    mended = (MONTH[0], charge("INV-2", "Liam", "99.00"), charge("INV-3", "Mei"))
    assert office.counts(office.sheet(mended)) == {"already-created": 1, "created": 2}
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "Refuse400-3": 1, "INV-3": 1}


def test_a_nightly_file_that_only_grows_sends_what_is_new(office: Office) -> None:
    """Each night the new rows are sent, wherever they stand in the file, also after weeks."""
    charges: list[Any] = []
    for night in range(4):
        charges.insert(night % 2, charge(f"INV-{night}", f"Payor{night}"))
        counts = office.counts(office.sheet(charges, "nightly.csv"))
        assert counts == ({"created": 1, "already-created": night} if night else {"created": 1})
        office.time_passes(3)
    assert office.asked() == {f"INV-{night}": 1 for night in range(4)}


def test_an_amount_that_was_changed_after_creation_is_held_with_both_versions(office: Office) -> None:
    """The payor has the old request: the new amount is not sent, and the message shows then and now."""
    office.run(office.sheet(MONTH))
    changed = office.run(office.sheet((charge("INV-1", "Zoé", "25.00"), *MONTH[1:])))
    assert changed.code == 1
    assert changed.json()["counts"]["held"] == 1
    [error] = changed.json()["errors"]
    assert error["row"] == 2
    assert "250.00" in error["message"]
    assert "$25.00" in error["message"]
    assert office.asked()["INV-1"] == 1


def test_a_row_without_a_reference_is_known_by_its_content(office: Office) -> None:
    """Without a reference the same row is found again, and its changed form is held."""
    assert office.counts(office.sheet([charge("")])) == {"created": 1}
    assert office.counts(office.sheet([charge("")])) == {"already-created": 1}
    assert office.counts(office.sheet([charge("", amount="25.00")])) == {"held": 1}
    assert office.counts(office.sheet([charge("INV-1")])) == {"held": 1}


# ---------------------------------------------------------------------------------------------------------------
# The next month, the next week

CUSTOMERS = ("--reference-names", "customer")
PERIODS = [("weekly", 7), ("biweekly", 14), ("monthly", 30)]


@pytest.mark.parametrize("days", [case[1] for case in PERIODS], ids=[case[0] for case in PERIODS])
def test_the_same_charge_of_the_next_period_is_sent(office: Office, days: int) -> None:
    """Where references name customers, the same charge is a new one period after period, under a batch named aloud."""
    for period in range(3):
        sheet = office.sheet(MONTH, f"billing-{period}.csv")
        assert office.counts(sheet, *CUSTOMERS, "--batch", f"billing-{period}") == {"created": 3}
        office.time_passes(days)


@pytest.mark.parametrize("days", [case[1] for case in PERIODS], ids=[case[0] for case in PERIODS])
def test_a_reference_that_names_a_transaction_is_held_whatever_the_period(office: Office, days: int) -> None:
    """Without that setting a reference that was requested is never requested again, with the same amount or another."""
    office.run(office.sheet(MONTH))
    office.time_passes(days)
    later = (charge("INV-1", "Zoé", "999.00"), *MONTH[1:], charge("INV-4", "Mei"))
    assert office.counts(office.sheet(later, "later.csv")) == {"created": 1, "held": 3}
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "INV-3": 1, "INV-4": 1}


def test_the_next_month_under_the_same_name_is_refused_with_both_ways_out(office: Office) -> None:
    """A batch named after its file does not reach back over a pause: it is refused, and nobody is silently left out."""
    office.run(office.sheet(MONTH))
    office.time_passes(30)
    december = office.sheet((*MONTH, charge("INV-4", "Mei")))
    refused = office.run(december)
    assert refused.code == 3
    fresh = f'--batch "billing-{datetime.now().astimezone():%Y-%m}"'
    assert fresh in refused.err
    assert '--batch "billing".' in refused.err
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "INV-3": 1}
    assert office.counts(december, "--batch", "billing") == {"already-created": 3, "created": 1}
    assert office.run(december, *fresh.split()).code == 3  # by now the very file is of the old batch
    other = office.sheet((*MONTH, charge("INV-4", "Mei"), charge("INV-5", "Kim")))
    assert office.counts(other, *fresh.split()) == {"held": 4, "created": 1}
    assert office.counts(other, *fresh.split(), *CUSTOMERS) == {"created": 3, "held": 1, "already-created": 1}


def test_a_refusal_does_not_make_the_batch_young(office: Office) -> None:
    """However often it is refused, the next try is refused as well."""
    office.run(office.sheet(MONTH))
    office.time_passes(30)
    december = office.sheet((*MONTH, charge("INV-4", "Mei")))
    assert [office.run(december).code for _ in range(2)] == [3, 3]
    assert office.run(december, "--batch", "billing", "--expect-rows", "1").code == 3
    assert office.run(december).code == 3


@pytest.mark.parametrize("rehearsal", [("validate",), ("run", "--dry-run"), ("plan",)], ids=" ".join)
def test_a_rehearsal_foresees_the_refusal_of_an_old_name(office: Office, rehearsal: tuple[str, ...]) -> None:
    """What `run` would refuse is refused by what rehearses it, with the same ways out; the name said aloud is taken."""
    office.run(office.sheet(MONTH))
    office.time_passes(30)
    december = office.sheet((*MONTH, charge("INV-4", "Mei"), charge("INV-5", "wrong", amount="-1.00")))
    name, *options = rehearsal
    output = office.command.home / ("check.html" if name == "plan" else "check.xlsx")
    done = office.command(name, december, *options, "-o", output, env=office.sandbox.env)
    assert done.code == 3
    assert '--batch "billing".' in done.err
    if name != "plan":
        assert "negative" in done.out + done.err
    aloud = office.command(name, december, *options, "--batch", "billing", "--json", env=office.sandbox.env)
    assert aloud.code == (0 if name == "plan" else 1)


def test_the_same_bytes_are_never_refused(office: Office) -> None:
    """The file itself, run again after months, is the old batch: nobody is asked."""
    sheet = office.sheet(MONTH)
    office.run(sheet)
    office.time_passes(90)
    assert office.counts(sheet) == {"already-created": 3}


# ---------------------------------------------------------------------------------------------------------------
# What makes a row itself

PAYORS = (charge("C-77", contract="K-1"), charge("C-77", contract="K-2"), charge("C-77", amount="9.00", contract="K-3"))
"""A sheet whose reference names the payor and not the transaction."""


def test_a_repeated_reference_is_invalid_and_says_how(office: Office) -> None:
    """Without anything that tells them apart the first row is used, and the others name it and the way out."""
    told = office.run(office.sheet(PAYORS)).json()
    assert {status: count for status, count in told["counts"].items() if count} == {"created": 1, "invalid": 2}
    assert all("row 2" in error["message"] for error in told["errors"])


KEYS = [
    ("own column", "Contract"),
    ("own column and reference", 'referenceId,"Contract"'),
    ("occurrence", "referenceId,#"),
]


@pytest.mark.parametrize("identity", [case[1] for case in KEYS], ids=[case[0] for case in KEYS])
def test_rows_of_one_reference_are_charges_of_their_own(office: Office, identity: str) -> None:
    """By a column of the user's own, or by their occurrence, every row is created, once."""
    sheet = office.sheet(PAYORS)
    assert office.counts(sheet, "--identity", identity) == {"created": 3}
    assert office.counts(sheet, "--identity", identity) == {"already-created": 3}
    assert office.asked() == {"C-77": 3}


def test_occurrences_move_with_their_rows(office: Office) -> None:
    """With `#` a row inserted above the others is the only one that is sent."""
    office.run(office.sheet(PAYORS), "--identity", "referenceId,#")
    more = office.sheet((charge("C-77", amount="44.00"), *PAYORS))
    assert office.counts(more, "--identity", "referenceId,#") == {"created": 1, "already-created": 3}
    assert office.asked() == {"C-77": 4}


def test_a_second_equal_charge_is_sent_when_it_stands_there_twice(office: Office) -> None:
    """With `#` a charge that is equal to an earlier one is asked for when the sheet has both."""
    one = charge("C-77")
    assert office.counts(office.sheet([one]), "--identity", "referenceId,#") == {"created": 1}
    assert office.counts(office.sheet([one, one]), "--identity", "referenceId,#") == {
        "created": 1,
        "already-created": 1,
    }
    assert office.counts(office.sheet([one]), "--identity", "referenceId,#") == {"already-created": 1}


@pytest.mark.parametrize("identity", [case[1] for case in KEYS], ids=[case[0] for case in KEYS])
def test_another_identity_on_the_same_batch_asks_nobody_again(office: Office, identity: str) -> None:
    """Changing `--identity` between two runs of a batch, and back again, finds every payment."""
    sheet = office.sheet(MONTH)
    assert office.counts(sheet) == {"created": 3}
    for again in (("--identity", identity), ("--identity", identity), ()):
        assert office.counts(sheet, *again) == {"already-created": 3}
    assert office.asked() == {"INV-1": 1, "INV-2": 1, "INV-3": 1}


def test_the_sandbox_and_the_configured_api_never_mix(office: Office) -> None:
    """What was tried in the sandbox is sent for real, and holds nothing there."""
    sheet = office.sheet(MONTH)
    assert office.counts(sheet, "--sandbox") == {"created": 3}
    assert office.asked() == {}
    assert office.counts(sheet) == {"created": 3}


def test_a_reference_that_differs_in_blanks_only_is_no_difference(command: Command) -> None:
    """A repeat says what differs once blanks are tidied up: what only looks different is not named."""
    sheet = write(command.home / "blanks.csv", [charge("DU-1"), charge(" DU-1 "), charge("DU-1 ", amount=" 9.00")])
    errors = command("validate", sheet, "--json").json()["errors"]
    told = {error["row"]: error["message"] for error in errors if error["code"] == "duplicate-identity"}
    assert "differences: none" in told[3]
    assert "differences: Amount" in told[4]


# ---------------------------------------------------------------------------------------------------------------
# The memory itself


def test_a_journal_that_lacks_a_table_is_told_from_a_disk_that_fails(office: Office) -> None:
    """What only a person can fix ends with 2, as a configuration that is wrong; nothing is sent."""
    sheet = office.sheet(MONTH)
    assert office.run(sheet).code == 0
    asked = office.asked()
    with closing(sqlite3.connect(office.command.data / "journal.sqlite")) as connection:
        connection.execute("DROP TABLE states")
        connection.execute("DROP TABLE attempts")
    done = office.run(sheet)
    assert (done.code, office.asked()) == (2, asked)
    assert "lacks tables or columns" in done.err
    assert done.json()["error"]["code"] == "usage"
    assert office.command("journal", "check", env=office.sandbox.env).code == 2


def test_one_api_by_two_spellings_is_one_environment(office: Office) -> None:
    """The host's case and a final slash do not make a second memory: nobody is asked twice."""
    sheet = office.sheet(MONTH)
    url = office.sandbox.base_url.replace("127.0.0.1", "localhost")
    counts = []
    for spelt in (url.replace("localhost", "LocalHost"), url + "/"):
        done = office.command("run", sheet, "--yes", "--json", env=office.sandbox.env | {"FLINKS_BASE_URL": spelt})
        counts.append(done.json()["counts"])
    assert (counts[0]["created"], counts[1]["already-created"]) == (3, 3)
