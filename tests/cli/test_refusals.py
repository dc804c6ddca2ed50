"""Bad input, settings and options: one clear sentence, the right exit code, no traceback, and nothing sent."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from support.command import Command, StandaloneSandbox

HEADINGS = "Reference,First Name,Last Name,Email,Amount\n"
SHEET = HEADINGS + "R-1,Zoé,Tremblay,zoe@example.com,250.00\nR-2,Liam,O'Connor,liam@example.com,99.50\n"
ONE_INVALID = SHEET + "R-3,Wei,Zhang,wei@@example.com,10.00\n"


@dataclass(frozen=True, slots=True)
class Refused:
    """A way to go wrong. `says` are parts of the sentence, `tail` is what follows the file on the command line.

    `content` is the file: text, bytes, or a function that makes something at the path; None makes nothing.
    """

    case: str
    code: int
    says: tuple[str, ...]
    content: str | bytes | Callable[[Path], Any] | None = SHEET
    name: str = "sheet.csv"
    tail: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


def compound_file(stream: str, content: bytes) -> bytes:
    """A file in Microsoft's compound format with one stream, as Excel wraps a workbook that has a password.

    Four sectors of 512 bytes are its frame: header, allocation table, directory, then the stream.
    """
    content = content.ljust(4096, b"\0")
    sectors = len(content) // 512
    free, end, table = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    chain = [table, end, *range(3, 2 + sectors), end]
    allocation = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        spelt = name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<BBIII", kind, 1, free, free, child) + bytes(36)
        return spelt.ljust(64, b"\0") + struct.pack("<H", len(spelt)) + links + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, end, 0) + entry(stream, 2, free, 2, len(content))
    return header + allocation + directory.ljust(512, b"\0") + content


def blank_workbook(path: Path) -> None:
    """A workbook with nothing in it."""
    xlsxwriter.Workbook(path).close()


NEEDED = ("first name", "last name", "e-mail", "amount")

SHEETS = [
    Refused("no such file", 3, ("There is no file", "missing.csv"), None, "missing.csv"),
    Refused("no such folder", 3, ("There is no file", "2026/missing.csv"), None, "2026/missing.csv"),
    Refused("a folder", 3, ("is a folder",), Path.mkdir, "november"),
    Refused("an empty file", 3, ("is empty",), ""),
    Refused("a file of blanks", 3, ("is empty",), "\ufeff\r\n \r\n"),
    Refused("a workbook without a cell", 3, ("no rows",), blank_workbook, "sheet.xlsx"),
    Refused("a PDF called .xlsx", 3, ("is a PDF",), b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "sheet.xlsx"),
    Refused("half a workbook", 3, ("is damaged",), b"PK\x03\x04\x14\0\6\0\x08\0", "sheet.xlsx"),
    Refused(
        "a password on the workbook",
        3,
        ("password-protected", "Save a copy without"),
        compound_file("EncryptedPackage", b"secret"),
        "sheet.xlsx",
    ),
    Refused("no heading row", 3, ("The list has no headings", *NEEDED), "R-1,Zoé,Tremblay,zoe@example.com,250.00\n"),
    Refused("a required column is missing", 3, ("last name", "First Name", "Amount"), SHEET.replace("Last", "City")),
    Refused("a heading is misspelt", 3, ("e-mail", '"Emial"', "Did you mean"), SHEET.replace("Email", "Emial")),
    Refused("whole names", 3, ("last name", "Client", "full names"), SHEET.replace("First Name,Last", "Client,City")),
    Refused("two columns for an amount", 3, ("amount", "Balance", "--mapping"), SHEET.replace("Reference", "Balance")),
    Refused("no such sheet", 3, ("Décembre", "Sheet1"), blank_workbook, "sheet.xlsx", ("--sheet", "Décembre")),
    Refused("a sheet of a text file", 3, ("has no sheets", 'Remove --sheet "Nov"'), tail=("--sheet", "Nov")),
]  # fmt: skip

GUARDS = [
    Refused("--expect-rows", 3, ("--expect-rows", "expected 3", "found 2"), tail=("--expect-rows", "3")),
    Refused("--expect-total", 3, ("--expect-total", "349.50"), tail=("--expect-total", "350")),
    Refused("--strict", 3, ("--strict", "Invalid rows: 1;"), ONE_INVALID, tail=("--strict",)),
]

OPTIONS = [
    Refused("an unknown option", 2, ("No such option", "--foo"), tail=("--foo",)),
    Refused("an option that is nearly right", 2, ("--sandbx", "--sandbox"), tail=("--sandbx",)),
    Refused("rows in words", 2, ("--expect-rows", "two"), tail=("--expect-rows", "two")),
    Refused("a total with three decimals", 2, ("1.0051", "25000.00"), tail=("--expect-total", "1.0051")),
    Refused("a total with two readings", 2, ("1,205", "two ways"), tail=("--expect-total", "1,205")),
    Refused("a time that no clock shows", 2, ("25:00", "06:30"), tail=("--until", "25:00")),
    Refused("no mapping file", 2, ("nowhere.toml",), tail=("--mapping", "nowhere.toml")),
    Refused("--identity names no column", 2, ('"Invoce"', "First Name"), tail=("--identity", "Invoce")),
    Refused("--identity names nothing", 2, ("identity",), tail=("--identity", ",")),
    Refused("no settings file", 2, ("nowhere.toml", "--config"), tail=("--config", "nowhere.toml")),
]

PLACES = [
    Refused("no such folder", 2, ("does not exist", "-o"), tail=("-o", "2026/november/out.xlsx")),
    Refused("below a file", 2, ("-o",), tail=("-o", "sheet.csv/out.xlsx")),
    Refused("a folder", 2, ("is a folder", "-o"), tail=("-o", ".")),
    Refused("no workbook's name", 2, (".xlsx",), tail=("-o", "out.csv")),
    Refused("nothing can be written there", 2, ("Can't write", "-o"), tail=("-o", "/proc/self/out.xlsx")),
]

CREDENTIALS = [
    Refused("no base URL", 2, ("FLINKS_BASE_URL", "--sandbox"), env={"FLINKS_BASE_URL": ""}),
    Refused("no user name", 2, ("FLINKS_USERNAME", "--sandbox"), env={"FLINKS_USERNAME": ""}),
    Refused("no password", 2, ("FLINKS_PASSWORD", "--sandbox"), env={"FLINKS_PASSWORD": ""}),
    Refused(
        "the password's file is gone",
        2,
        ("FLINKS_PASSWORD_FILE", "gone.txt"),
        env={"FLINKS_PASSWORD": "", "FLINKS_PASSWORD_FILE": "gone.txt"},
    ),
    Refused("plain http", 2, ("https://", "pay.example.com"), env={"FLINKS_BASE_URL": "http://pay.example.com"}),
    Refused("no URL at all", 2, ("https://",), env={"FLINKS_BASE_URL": "pay.example.com"}),
    Refused("a password in the URL", 2, ("https://",), env={"FLINKS_BASE_URL": "https://me:secret@pay.example.com"}),
    Refused("wrong password", 4, ("credentials",), env={"FLINKS_PASSWORD": "guess"}),
]


def cases(table: list[Refused]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("refused", table, ids=lambda refused: refused.case)


@pytest.fixture
def refuse(command: Command, witness: StandaloneSandbox, tmp_path: Path) -> Callable[..., str]:
    """Runs a case against a sandbox that must hear nothing; gives the sentence that was said."""

    def run(refused: Refused, *extra: str) -> str:
        path = tmp_path / refused.name
        make(path, refused.content)
        done = command("run", path, *extra, *refused.tail, env=witness.env | refused.env, cwd=tmp_path)
        assert done.code == refused.code, done
        assert witness.received() == {}
        assert "Traceback" not in done.out + done.err
        sentence = last_sentence(done.err)
        for part in refused.says:
            assert part in sentence
        return sentence

    return run


def make(path: Path, content: str | bytes | Callable[[Path], Any] | None) -> None:
    match content:
        case None:
            pass
        case str():
            path.write_text(content, encoding="utf-8")
        case bytes():
            path.write_bytes(content)
        case _:
            content(path)


PROGRESS = ("Reading ", "New journal: ", "Batch ", "  ", "0 of ", "Usage: ", "Try ")
"""How lines begin that are said before the sentence: what is done, what would be sent, how a command is called."""


def last_sentence(err: str) -> str:
    """The one line that says what is wrong. Fails when there is another."""
    lines = [line for line in err.splitlines() if line and not line.startswith(PROGRESS)]
    assert len(lines) == 1, err
    return lines[0]


@cases(SHEETS)
def test_a_file_that_is_no_sheet_is_refused_with_its_reason_and_remedy(
    refuse: Callable[..., str], refused: Refused
) -> None:
    """What can't be read ends with 3 before anything is sent, and the sentence says what to do."""
    refuse(refused, "--yes")


@cases(GUARDS)
def test_a_guard_that_fails_sends_nothing(refuse: Callable[..., str], refused: Refused) -> None:
    """A sheet that is not as expected ends with 3, with both figures, before anything is sent."""
    refuse(refused, "--yes")


@cases(OPTIONS)
def test_a_wrong_option_is_named(refuse: Callable[..., str], refused: Refused) -> None:
    """A command line that is wrong ends with 2 and names the option and what it takes."""
    refuse(refused, "--yes")


@cases(PLACES)
def test_a_place_that_cannot_be_written_is_found_before_the_first_request(
    refuse: Callable[..., str], refused: Refused
) -> None:
    """Results that could not be written must not exist: the place is tried before anything is sent."""
    refuse(refused, "--yes")


@cases(CREDENTIALS)
def test_without_usable_settings_nothing_is_sent(refuse: Callable[..., str], refused: Refused) -> None:
    """Missing and unsafe settings end with 2 and name the variable; credentials that are refused end with 4."""
    assert "secret" not in refuse(refused, "--yes")


def test_without_a_terminal_nobody_is_asked_and_nothing_is_sent(refuse: Callable[..., str]) -> None:
    """A script must say --yes: a question that nobody can answer is a refusal."""
    refuse(Refused("", 2, ("--yes", "Nothing was sent")))


@pytest.mark.parametrize("case", ["sheet", "guard"])
def test_a_refusal_as_json_is_one_object_with_the_exit_code(
    command: Command, witness: StandaloneSandbox, tmp_path: Path, case: str
) -> None:
    """With --json a script reads the reason and the code from one object, also when nothing was begun."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET if case == "guard" else "")
    done = command("run", sheet, "--json", "--yes", "--expect-rows", "3", env=witness.env)
    summary = done.json()
    assert (done.code, summary["exitCode"]) == (3, 3)
    assert summary["counts"]["created"] == 0
    assert witness.received() == {}


def test_a_wrong_option_is_told_as_json_too_where_json_was_asked_for(command: Command) -> None:
    """A script that asked for JSON gets one JSON object also when its options are wrong."""
    done = command("run", "rent.csv", "--json", "--nope")
    assert done.code == 2
    assert done.json()["exitCode"] == 2
    assert "--nope" in done.json()["errors"][0]["message"]


def test_a_sheet_without_rows_says_so_and_ends_well(command: Command) -> None:
    """Headings without rows ask nobody: that is said, and a nightly export of an empty day is no fault."""
    (command.home / "empty.csv").write_text("Reference,First name,Last name,Email,Amount\n", "utf-8")
    done = command("run", "empty.csv", "--sandbox")
    assert done.code == 0
    assert "no rows" in done.out


def test_validate_shows_no_account_number(command: Command) -> None:
    """What is printed is read by others: an account number that is wrong is shown by its end only."""
    (command.home / "a.csv").write_text(
        "Reference,First name,Last name,Email,Amount,Institution,Transit,Account\n"
        "A-1,Zoé,Roy,zoe@example.com,5,003,30265,1234567890123\n",
        "utf-8",
    )
    done = command("validate", "a.csv")
    assert "•••0123" in done.err
    assert "1234567890123" not in done.err + done.out
