"""Every text that leaves, by every command: nothing in it acts on a terminal, and every terminal can show it."""

import io
import json
import os
import re
import subprocess
import sys
import time
from encodings.aliases import aliases
from pathlib import Path
from random import Random

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text
from support.chaos import until_time_is_up
from support.command import Command
from support.fault_server import FaultServer, answers

from pipeline.cli import outlets
from pipeline.cli.console import SafeConsole

ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What acts on a terminal, or makes a text read otherwise than it is; lines and tabs do not."""
HOSTILE = (
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://example.com\x1b\\",
    "\x9b31m",
    "\x08\x08\x08",
    "\r",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u2028",
    "\u061c",
    "\u200f",
    "\nFAKE line",
    "[/]",
    "[link=https://example.com]",
    "{}",
    "{0.__class__}",
    "%s",
)


def _is_of_text(encoding: str) -> bool:
    """Whether standard output may have it: each of Python's but those that are of bytes, or of Windows alone."""
    try:
        return "a".encode(encoding).decode(encoding) == "a"
    except (LookupError, UnicodeError):
        return False


XML_LACKS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def hostile(chance: Random, word: str) -> str:
    """A word with something in it that nobody would want on a screen."""
    at = chance.randrange(len(word) + 1)
    return word[:at] + chance.choice(HOSTILE) + word[at:]


def hostile_sheet(path: Path, chance: Random) -> Path:
    """A sheet whose headings, cells and name are hostile."""
    rows = [["Reference", "First Name", "Last Name", "Email", "Amount", hostile(chance, "Note")]]
    for number in range(6):
        cells = [f"R-{number}", "Ann", "Roe", "ann@example.com", "1.00", "note"]
        wrong = chance.randrange(len(cells))
        cells[wrong] = hostile(chance, cells[wrong])
        rows.append(cells)
    if path.suffix == ".csv":
        quoted = (",".join(f'"{cell}"' for cell in row) for row in rows)
        path.write_text("\n".join(quoted) + "\n", encoding="utf-8", newline="")
        return path
    book = openpyxl.Workbook()
    book.active.title = XML_LACKS.sub("", re.sub(r"[\\*?:/\[\]]", "", hostile(chance, "Billing")))
    for row in rows:
        book.active.append([XML_LACKS.sub("_", cell) for cell in row])
    book.save(path)
    return path


def lines_of(sheet: Path, batch: str, report: Path) -> list[tuple[str, ...]]:
    """Each command on it, in an order in which each has something to say."""
    beside = str(sheet.parent)
    return [
        ("columns", str(sheet)),
        ("validate", str(sheet), "--batch", batch),
        ("plan", str(sheet), "--batch", batch, "-o", f"{beside}/plan.json"),
        ("run", str(sheet), "--batch", batch, "--yes", "-o", f"{beside}/out.results.xlsx"),
        ("run", str(sheet.with_name("not there\x1b[31m")), "--batch", batch, "--yes"),
        ("run", str(sheet), f"--no-such-{batch}"),
        ("run", str(sheet), "--sheet", batch, "--yes"),
        ("run", str(sheet), "--map", f"{batch}=amount", "--yes"),
        ("run", str(sheet), "--identity", batch, "--yes"),
        ("status", batch, "-o", f"{beside}/out.status.xlsx"),
        ("status", f"{batch}?"),
        ("batches",),
        ("batches", "show", batch),
        ("batches", "show", batch, "3"),
        ("resolve", batch, "3", "--not-created"),
        ("cancel", batch, "--yes", "-o", f"{beside}/out.cancelled.xlsx"),
        ("reconcile", batch, str(report), "-o", f"{beside}/out.reconciliation.xlsx"),
        ("inbox", str(sheet.parent / "drop"), "--yes", "--settle", "0"),
        ("template", "-o", f"{beside}/{sheet.stem}.template.xlsx"),
        ("journal", "check"),
        ("journal", "backup", f"{beside}/{sheet.stem}.backup"),
        ("config",),
        ("doctor",),
    ]


@pytest.mark.chaos
@pytest.mark.slow
def test_no_command_writes_what_acts_on_a_terminal(command: Command, tmp_path: Path) -> None:
    """Whatever stands in a cell, a heading, a sheet's name, a file's, a batch's, a report or an answer."""
    with FaultServer() as server:
        environment = {"FLINKS_USERNAME": "u", "FLINKS_PASSWORD": "p", "FLINKS_BASE_URL": server.url}
        for number, chance in enumerate(until_time_is_up()):
            folder = tmp_path / f"{number}"
            (folder / "drop").mkdir(parents=True)
            name = hostile(chance, "billing").replace("/", "")
            sheet = hostile_sheet(folder / f"{name}{chance.choice(['.csv', '.xlsx'])}", chance)
            hostile_sheet(folder / "drop" / f"{name}-{number}{sheet.suffix}", chance)
            report = folder / f"{name}.report.csv"
            report.write_text(f"Session Id,Reference,Amount\n1,{hostile(chance, 'R-1')},1.00\n", encoding="utf-8")
            refusal = {"errors": [{"message": hostile(chance, "refused"), "code": hostile(chance, "E1")}]}
            server.on_create.append(answers(400, refusal))
            log = folder / "log.jsonl"
            for line in lines_of(sheet, hostile(chance, f"batch-{number}"), report):
                manner = chance.choice([(), ("--json",), ("-v",), ("--log-json",), ("--lang", "fr")])
                done = command(*line, *manner, env={**environment, "FLINKS_IMPORT_LOG_FILE": str(log)})
                for told in (done.out, done.err, log.read_text("utf-8") if log.exists() else ""):
                    assert not (found := ACTS.search(told)), (line, manner, found, told)
                    assert "\nFAKE" not in told, (line, manner, told)
                assert "Traceback" not in done.err
                assert done.code != 70, (line, manner, done)
                if manner == ("--json",) and "--no-such" not in line[-1] and done.out:
                    json.loads(done.out)


def test_a_name_cannot_look_like_a_line_of_ours(command: Command, tmp_path: Path) -> None:
    """A line break in the name of a file or a batch does not begin a sentence or a row of a table."""
    sheet = tmp_path / "a\ncreated 5.csv"
    sheet.write_text("Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    done = command("run", sheet, "--sandbox", "-o", tmp_path / "out.results.xlsx")
    listed = command("batches", "--sandbox")
    for told in (done.out, done.err, listed.out):
        assert not [line for line in told.splitlines() if line.startswith("created 5")], told


@pytest.mark.parametrize(
    ("encoding", "manner"), [("ascii", ()), ("ascii", ("--json",)), ("cp1252", ("--json",)), ("cp437", ())]
)
def test_a_terminal_that_cannot_encode_a_text_ends_nothing(
    command: Command, tmp_path: Path, encoding: str, manner: tuple[str, ...]
) -> None:
    """What can't be encoded is shown by its number, and JSON stays whole and says the same."""
    sheet = tmp_path / "billing.csv"
    sheet.write_text("Référence,Prénom,Nom,Courriel,Montant\nR-1,Zoé,東京,zoe@@example.com☃,1.00\n", encoding="utf-8")
    poor = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    line = [*command.line("validate", sheet, "--sandbox", "--lang", "fr", *manner)]
    done = subprocess.run(
        line, env=command.environment | poor, cwd=command.home, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1, done
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert "Traceback" not in err
    if manner:
        assert "« zoe@@example.com☃ »" in json.loads(out)["errors"][0]["message"]


def test_a_name_that_is_no_utf8_is_readable(command: Command, tmp_path: Path) -> None:
    """Names of files are bytes; what is shown and kept of them is text, with each odd byte as its number."""
    folder = tmp_path / os.fsdecode(b"d\xe9p\xf4t")
    (folder / "drop").mkdir(parents=True)
    content = b"Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n"
    sheet, dropped = folder / os.fsdecode(b"b\xe9lling.csv"), folder / "drop" / os.fsdecode(b"d\xe9.csv")
    sheet.write_bytes(content)
    dropped.write_bytes(content.replace(b"R-1", b"R-2"))
    shown = ""
    for line, code in (
        (["validate", sheet, "--sandbox"], 0),
        (["run", sheet, "--sandbox", "--json"], 0),
        (["run", sheet, "--sandbox"], 0),
        (["status", r"b\xe9lling", "--sandbox", "-o", "status.xlsx"], 0),
        (["inbox", folder / "drop", "--sandbox", "--settle", "0", "-v"], 0),
        (["reconcile", r"b\xe9lling", sheet, "--sandbox"], 1),
        (["batches", "--sandbox"], 0),
        (["status", os.fsdecode(b"b\xe9lling"), "--sandbox"], 2),
        (["run", folder / os.fsdecode(b"n\xe9.csv"), "--sandbox"], 2),
    ):
        done = command(*line)
        assert done.code == code, done
        assert "Traceback" not in done.err
        shown += done.out + done.err
    assert sheet.with_name(os.fsdecode(b"b\xe9lling.sandbox.results.xlsx")).exists()
    assert r'"file": "b\\xe9lling.csv"' in shown
    assert shown.count(r"Reading b\xe9lling.csv") == 4
    assert r"This is not text in UTF-8: b\xe9lling" in shown


OUTLETS = {
    "full": ">/dev/full",
    "closed": ">&-",
    "errors full": "2>/dev/full",
    "errors closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
}
LINES = (
    ("run", "sheet.csv", "--sandbox"),
    ("run", "sheet.csv", "--sandbox", "--json"),
    ("run", "sheet.csv", "--nonsense"),
    ("--help",),
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("outlet", OUTLETS.values(), ids=OUTLETS)
def test_an_outlet_that_takes_nothing_ends_nothing(command: Command, outlet: str) -> None:
    """What was to be done is done all the same; that a result was not to be had is said, by the exit code too."""
    (command.home / "sheet.csv").write_text("Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,a@b.ca,1.00\n")
    expected = [0, 0, 2, 0]
    lost = outlet == OUTLETS["full"]
    for line, code in zip(LINES, expected, strict=True):
        started = ["sh", "-c", f'exec "$@" {outlet}', "sh", *command.line(*line)]
        done = subprocess.run(
            started, env=command.environment, cwd=command.home, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == (6 if lost and code == 0 else code), (line, done)
        assert (b"Can't write to standard output (No space left" in done.stderr) == (lost and code == 0), (line, done)
        if "--json" in line and "errors" in outlet:
            json.loads(done.stdout)
    assert (command.home / "sheet.sandbox.results.xlsx").exists()


def test_a_reader_who_has_gone_changes_no_exit_code(command: Command) -> None:
    """`… | head` wants no more: the command ends as it would have, and says nothing of it."""
    for line, code in ((("--help",), 0), (("columns", "nothing.csv"), 3)):
        reads, writes = os.pipe()
        os.close(reads)
        done = subprocess.run(
            command.line(*line),
            env=command.environment,
            cwd=command.home,
            stdout=writes,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        os.close(writes)
        assert done.returncode == code, done
        assert b"standard output" not in done.stderr


def test_a_slow_reader_gets_the_whole_object(command: Command) -> None:
    """Also through a pipe that whoever started the command made non-blocking."""
    rows = "".join(f"R-{number},Ann,Roe,ann@@example.com,1.00\n" for number in range(1000))
    (command.home / "sheet.csv").write_text(f"Reference,First Name,Last Name,Email,Amount\n{rows}")
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    line = command.line("validate", "sheet.csv", "--sandbox", "--json")
    with subprocess.Popen(line, env=command.environment, cwd=command.home, stdout=writes, stderr=subprocess.DEVNULL):
        os.close(writes)
        with os.fdopen(reads, "rb") as stream:
            out = stream.read(1)
            time.sleep(0.5)
            out += stream.read()
    assert len(out) > 65536
    assert len(json.loads(out)["errors"]) == 1000


ENCODINGS = sorted(name for name in set(aliases.values()) if _is_of_text(name))


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=st.text(st.characters(), max_size=30))
@settings(max_examples=15, deadline=None)
def test_every_encoding_takes_every_text(encoding: str, text: str) -> None:
    """What it can't encode is escaped; JSON means the same in every encoding."""
    for told in (text, json.dumps({"told": text}, ensure_ascii=False)):
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding=encoding, newline="\n")
        outlets.Outlet(stream).write(told)
        stream.flush()
        shown = written.getvalue().decode(encoding)
        assert not ACTS.search(shown)
    assert json.loads(shown) == {"told": text}


def test_json_keeps_its_meaning() -> None:
    """Characters that act are escaped as JSON does it, and what cannot be a character at all too."""
    value = {"name": "".join(HOSTILE) + "\udcff"}
    told = outlets.visible_json(json.dumps(value, ensure_ascii=False))
    assert not ACTS.search(told)
    assert json.loads(told) == value


def test_a_console_shows_its_own_colours_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich colours and moves by itself; what it is given is text."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", outlets.Outlet(stream))
    console = SafeConsole(stderr=True, force_terminal=True)
    console.print("\x1b[31mred\x08", style="bold", markup=False)
    console.print(Text("a\u202eb\x1b[2J"))
    shown = stream.getvalue()
    assert "_x001B_[31mred_x0008_" in shown
    assert "a_x202E_b_x001B_[2J" in shown
    assert "\x1b[1m" in shown
    assert not re.search("\x1b\\[(31m|2J)", shown)


def test_a_text_is_shown_as_the_workbook_shows_it() -> None:
    """The same number in the same form."""
    assert outlets.visible("a\x1bb\tc\nd") == "a_x001B_b\tc\nd"
