"""Every text that leaves, by every command: nothing in it acts on a terminal, and every terminal can show it."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import openpyxl
import pytest
from rich.text import Text
from support.chaos import SECONDS, until_time_is_up
from support.command import Command
from support.fault_server import FaultServer, answers

from pipeline.cli import outlets
from pipeline.cli.consoles import SafeConsole

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
    "[/]",
    "[link=https://example.com]",
    "{}",
    "{0.__class__}",
    "%s",
)
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
@pytest.mark.timeout(SECONDS + 240)
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


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "cp437"])
@pytest.mark.parametrize("manner", [("--json",), ()], ids=["json", "text"])
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


def test_a_name_that_is_no_utf8_is_a_sentence(command: Command, tmp_path: Path) -> None:
    """Names of files are bytes; what the journal keeps is text."""
    sheet = tmp_path / os.fsdecode(b"b\xe9lling.csv")
    sheet.write_bytes(b"Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    for line, code in (
        (["run", sheet, "--sandbox"], 3),
        (["status", os.fsdecode(b"b\xe9lling"), "--sandbox"], 2),
        (["run", os.fsdecode(b"b\xe9.csv"), "--sandbox"], 2),
        (["inbox", os.fsdecode(tmp_path), "--sandbox", "--settle", "0"], 3),
    ):
        done = subprocess.run(
            command.line(*line), env=command.environment, cwd=command.home, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == code, done
        assert b"UTF-8" in done.stderr + done.stdout
        assert b"Traceback" not in done.stderr


def test_json_keeps_its_meaning() -> None:
    """Characters that act are escaped as JSON does it, and what cannot be a character at all too."""
    value = {"name": "".join(HOSTILE) + "\udcff"}
    told = outlets.visible_json(json.dumps(value, ensure_ascii=False))
    assert not ACTS.search(told)
    assert json.loads(told) == value


def test_a_console_shows_its_own_colours_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich colours and moves by itself; what it is given is text."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", outlets.Outlet(stream, vital=False))
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
