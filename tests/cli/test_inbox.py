"""`inbox`: real passes over a real folder against the real sandbox, with kills at every step."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from support.command import Command, Finished, Process, StandaloneSandbox, clean_environment
from support.fork_server import REPOSITORY, ForkServer

from pipeline.domain.errors import StoppedEarlyError
from pipeline.journal import runs
from pipeline.journal.journal import open_journal
from pipeline.system.signals import interrupts, listening

HEADINGS = "Reference,First Name,Last Name,Email,Amount\n"


def sheet(*references: str, email: str = "zoe@example.com", amount: str = "250.00") -> str:
    return HEADINGS + "".join(f"{name},Zoé,Tremblay,{email},{amount}\n" for name in references)


class Drop:
    """A drop folder, and the command on it. `tail` is added to every pass."""

    def __init__(self, command: Command, sandbox: StandaloneSandbox) -> None:
        self.path = command.home / "drop"
        self.path.mkdir()
        self.command = command
        self.sandbox = sandbox
        self.tail = ("--yes", "--settle", "0.2")

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def line(self, *options: str) -> tuple[str, ...]:
        return ("inbox", str(self.path), *self.tail, *options)

    def pass_(self, *options: str, env: dict[str, str] | None = None) -> Finished:
        return self.command(*self.line(*options), env=self.sandbox.env | (env or {}))

    def summary(self, *options: str) -> dict[str, Any]:
        return self.pass_("--json", *options).json()

    def tree(self) -> set[str]:
        """Every file below the folder, the date's folder written as DAY; folders may vanish meanwhile."""
        today = datetime.now().astimezone().date().isoformat()
        found = (Path(folder, name) for folder, _, names in os.walk(self.path) for name in names)
        files = (path.relative_to(self.path).as_posix() for path in found)
        return {name.replace(f"/{today}/", "/DAY/") for name in files}

    def age(self, days: int) -> None:
        """Make everything in the journal as old as if it had been done so many days before."""
        with sqlite3.connect(self.command.data / "journal.sqlite") as journal:
            for table, column in (("runs", "started_at"), ("attempts", "intended_at"), ("attempts", "settled_at")):
                moved = f"strftime('%Y-%m-%dT%H:%M:%f000+00:00', {column}, '-{days} days')"
                journal.execute(f"UPDATE {table} SET {column} = {moved}")


@pytest.fixture
def drop(command: Command, standalone_sandbox: StandaloneSandbox) -> Drop:
    return Drop(command, standalone_sandbox)


def until(true: Callable[[], Any], patience: float = 120) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---------------------------------------------------------------------------------------------------------------
# Where each file goes


def test_each_file_goes_where_its_outcome_belongs_with_its_workbook(drop: Drop) -> None:
    """Good files are done, faulty ones need attention, unreadable ones are refused, and a bad one stops no other."""
    drop.put("a-pdf.xlsx", b"%PDF-1.7\n")
    drop.put("b-empty.csv", "")
    drop.put("c-faulty.csv", sheet("C-1") + sheet("C-2", email="zoe@@example.com").removeprefix(HEADINGS))
    drop.put("d-good.csv", sheet("D-1"))
    drop.put("e-hang.csv", sheet("Error500-1"))
    done = drop.pass_()
    assert done.code == 5, done
    assert drop.tree() == {
        "refused/DAY/a-pdf.xlsx",
        "refused/DAY/a-pdf.why.txt",
        "refused/DAY/b-empty.csv",
        "refused/DAY/b-empty.why.txt",
        "attention/DAY/c-faulty.csv",
        "attention/DAY/c-faulty.results.xlsx",
        "attention/DAY/c-faulty.why.txt",
        "done/DAY/d-good.csv",
        "done/DAY/d-good.results.xlsx",
        "attention/DAY/e-hang.csv",
        "attention/DAY/e-hang.results.xlsx",
        "attention/DAY/e-hang.why.txt",
    }
    assert [line.split(": ")[:2] for line in done.out.splitlines()] == [
        ["refused", "a-pdf.xlsx"],
        ["refused", "b-empty.csv"],
        ["attention", "c-faulty.csv"],
        ["done", "d-good.csv"],
        ["attention", "e-hang.csv"],
    ]
    why = {path.name: path.read_text("utf-8") for path in drop.path.rglob("*.why.txt")}
    assert "is a PDF" in why["a-pdf.why.txt"]
    assert "sheet Errors" in why["c-faulty.why.txt"]
    assert 'flinks-import resolve "e-hang" ROW' in why["e-hang.why.txt"]
    assert drop.pass_().out.startswith("Nothing to do")


def test_what_is_no_whole_sheet_is_left_where_it_is(drop: Drop) -> None:
    """Partial uploads, lock files, folders, links, settings and the journal itself are not touched."""
    left = {"a.csv.part", "b.xlsx.tmp", ".hidden.csv", "~$c.xlsx", ".~lock.d.ods#", "mapping.toml"}
    for name in left:
        drop.put(name, sheet("X-1"))
    (drop.path / "folder.csv").mkdir()
    (drop.path / "link.csv").symlink_to(drop.put(".behind.csv", sheet("X-2")))
    os.mkfifo(drop.path / "pipe.csv")
    drop.put("a.csv", sheet("A-1"))
    assert drop.command("journal", "create", drop.path / "journal.sqlite").code == 0
    done = drop.pass_("--journal", str(drop.path / "journal.sqlite"), "--log-file", str(drop.path / "night.log"))
    assert done.code == 0, done
    assert drop.sandbox.received() == {"A-1": 1}
    assert left | {"link.csv", ".behind.csv", "journal.sqlite", "night.log"} <= drop.tree()
    assert (drop.path / "pipe.csv").exists()
    assert "done/DAY/a.csv" in drop.tree()


def test_nothing_is_ever_written_over(drop: Drop) -> None:
    """A file that comes again gets a number, and so do its workbook and its explanation."""
    for _ in range(3):
        drop.put("a.csv", sheet("A-1"))
        drop.pass_()
    for _ in range(2):
        drop.put("b.csv", "")
        drop.pass_()
    names = [f"done/DAY/a{number}{end}" for number in ("", " (2)", " (3)") for end in (".csv", ".results.xlsx")]
    names += [f"refused/DAY/b{number}{end}" for number in ("", " (2)") for end in (".csv", ".why.txt")]
    assert drop.tree() == set(names)
    assert drop.sandbox.created() == {"A-1": 1}


def test_a_very_long_name_finds_room_for_its_workbook(drop: Drop) -> None:
    """A name as long as a file system allows is run and moved under a shorter one."""
    drop.put("é" * 120 + "x" * 10 + ".csv", sheet("A-1"))
    assert drop.pass_().code == 0
    assert {Path(name).name for name in drop.tree()} == {"é" * 100 + ".csv", "é" * 100 + ".results.xlsx"}


def test_the_json_summary_has_each_files_own_and_the_sum(drop: Drop) -> None:
    """One object: each file's summary as `run` has it, what became of it, and the totals of the pass."""
    drop.put("a.csv", sheet("A-1", "A-2"))
    drop.put("b.csv", sheet("B-1", email="?"))
    drop.put("c.pdf", b"%PDF-1.7\n")
    summary = drop.summary()
    a, b, c = summary["files"]
    assert (summary["exitCode"], summary["rows"], summary["counts"]["created"]) == (3, 3, 2)
    assert summary["amounts"]["created"] == "500.00"
    assert (a["batch"], a["outcome"], a["exitCode"], a["counts"]["created"]) == ("a", "done", 0, 2)
    assert Path(a["movedTo"]).is_file()
    assert Path(a["output"]).is_file()
    assert Path(a["output"]).parent == Path(a["movedTo"]).parent
    assert (b["outcome"], b["exitCode"], [error["code"] for error in b["errors"]]) == (
        "attention",
        1,
        ["email-invalid"],
    )
    assert (c["outcome"], c["exitCode"], c["output"], c["rows"]) == ("refused", 3, None, 0)


def test_the_sentences_are_in_french_where_that_is_asked_for(drop: Drop) -> None:
    """`--lang fr` speaks French in the line and in the explanation."""
    drop.put("a.csv", sheet("A-1", email="?"))
    drop.pass_("--lang", "fr")
    assert "Lignes à corriger" in next(drop.path.rglob("*.why.txt")).read_text("utf-8")


def test_quiet_says_only_what_needs_a_person(drop: Drop) -> None:
    """With `-q` a night in which all went well says nothing at all, but that the first one made its journal."""
    first = drop.pass_("-q")
    assert (first.code, first.out, len(first.err.splitlines())) == (0, "", 1)
    drop.put("a.csv", sheet("A-1"))
    done = drop.pass_("-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    drop.put("b.csv", sheet("B-1", email="?"))
    drop.put("c.csv", sheet("C-1"))
    assert [line.split(": ")[1] for line in drop.pass_("-q").out.splitlines()] == ["b.csv"]


# ---------------------------------------------------------------------------------------------------------------
# When a file has arrived


def test_a_file_that_still_grows_is_left_until_it_stands_still(drop: Drop) -> None:
    """A file that changes while it is watched waits for a later pass; then all of it is run."""
    path = drop.put("slow.csv", sheet("S-1"))
    ended = threading.Event()

    def upload() -> None:
        number = 2
        while not ended.wait(0.05):
            with path.open("a") as file:
                file.write(sheet(f"S-{number}").removeprefix(HEADINGS))
            number += 1

    uploading = threading.Thread(target=upload)
    uploading.start()
    try:
        done = drop.pass_("--settle", "3", "--json")
    finally:
        ended.set()
        uploading.join()
    assert (done.json()["files"], done.json()["waiting"]) == ([], ["slow.csv"])
    assert drop.sandbox.received() == {}
    rows = len(path.read_text().splitlines()) - 1
    assert drop.summary()["counts"]["created"] == rows


@pytest.mark.parametrize("marker", ["a.csv.done", "a.ready"])
def test_a_marker_lets_its_file_be_taken_at_once_and_goes(drop: Drop, marker: str) -> None:
    """A file that is vouched for does not wait; its marker would vouch for the next one, so it is removed."""
    drop.put("a.csv", sheet("A-1"))
    drop.put(marker, "")
    assert drop.pass_("--settle", "3600").code == 0
    assert drop.tree() == {"done/DAY/a.csv", "done/DAY/a.results.xlsx"}


def test_the_marker_stays_with_a_file_that_waits(drop: Drop) -> None:
    """A file that is left for the next pass keeps what vouches for it."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("a.csv.done", "")
    assert drop.pass_(env={"FLINKS_PASSWORD": "wrong"}).code == 4
    assert drop.tree() == {"a.csv", "a.csv.done"}


# ---------------------------------------------------------------------------------------------------------------
# Which batch


def test_next_months_file_of_the_same_name_is_refused_with_the_name_to_give_it(drop: Drop) -> None:
    """After a pause nobody can know whether it goes on or is new: it bills nobody in silence and nobody twice."""
    drop.put("billing.csv", sheet("A-1"))
    drop.pass_()
    drop.age(30)
    drop.put("billing.csv", sheet("B-1", amount="260.00"))
    assert drop.pass_().code == 3
    why = next(drop.path.rglob("*.why.txt")).read_text("utf-8")
    fresh = f"billing-{datetime.now().astimezone():%Y-%m}.csv"
    assert fresh in why
    assert '--batch "billing"' in why
    next(drop.path.glob("refused/*/billing.csv")).rename(drop.path / fresh)
    assert drop.pass_().code == 0
    assert drop.sandbox.created() == {"A-1": 1, "B-1": 1}


def test_the_same_bytes_after_a_pause_need_a_person(drop: Drop) -> None:
    """A sheet that is the same every month must not be called done while it bills nobody."""
    drop.put("rent.csv", sheet("A-1"))
    drop.pass_()
    drop.age(30)
    drop.put("rent.csv", sheet("A-1"))
    done = drop.pass_()
    assert done.code == 1
    assert "Nothing was sent" in next(drop.path.rglob("*.why.txt")).read_text("utf-8")
    assert drop.sandbox.created() == {"A-1": 1}


def test_two_files_of_one_stem_are_one_batch(drop: Drop) -> None:
    """The same list as .csv and .txt asks once; what only one of them has is asked too."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("a.txt", sheet("A-1", "A-2"))
    assert drop.pass_().code == 0
    assert drop.sandbox.created() == {"A-1": 1, "A-2": 1}
    assert drop.tree() == {f"done/DAY/a{end}" for end in (".csv", ".results.xlsx", " (2).txt", " (2).results.xlsx")}


def test_a_copy_under_another_name_is_refused(drop: Drop) -> None:
    """The same file once more, renamed, asks nobody and needs a person."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("copy of a.csv", sheet("A-1"))
    assert drop.pass_().code == 3
    assert drop.sandbox.created() == {"A-1": 1}
    assert "refused/DAY/copy of a.csv" in drop.tree()
    assert "identical" in next(drop.path.rglob("copy of a.why.txt")).read_text("utf-8")


def test_a_copy_that_was_saved_anew_is_held(drop: Drop) -> None:
    """Its rows ask for what was asked for, though its bytes are others."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("copy of a.csv", sheet("A-1") + "\n")
    assert drop.pass_().code == 1
    assert drop.sandbox.created() == {"A-1": 1}
    assert "attention/DAY/copy of a.csv" in drop.tree()


def test_the_corrected_errors_sheet_comes_back_under_another_name(drop: Drop) -> None:
    """A results workbook is left, and said so; saved under another name it goes on with its own batch."""
    drop.put("rent.csv", sheet("A-1") + sheet("A-2", email="zoe@@example.com").removeprefix(HEADINGS))
    drop.pass_()
    results = next(drop.path.glob("attention/*/rent.results.xlsx"))
    results.rename(drop.path / results.name)
    done = drop.pass_()
    assert (done.code, done.out.splitlines()[0].split(" is ")[0]) == (0, "left: rent.results.xlsx")
    book = openpyxl.load_workbook(drop.path / results.name)
    column = next(cell.column for cell in book["Errors"][1] if cell.value == "Email")
    book["Errors"].cell(row=2, column=column).value = "zoe@example.com"
    book.save(drop.path / "rent mended.xlsx")
    summary = drop.summary()
    assert (summary["exitCode"], summary["files"][0]["batch"]) == (0, "rent")
    assert summary["results"] == ["rent.results.xlsx"]
    assert drop.sandbox.created() == {"A-1": 1, "A-2": 1}


# ---------------------------------------------------------------------------------------------------------------
# What ends a pass


@pytest.mark.parametrize(
    ("env", "options", "code"),
    [
        ({"FLINKS_PASSWORD": "wrong"}, (), 4),
        pytest.param({"FLINKS_BASE_URL": "http://127.0.0.1:9"}, (), 6, marks=pytest.mark.slow),
        ({"FLINKS_USERNAME": ""}, (), 2),
        ({"FLINKS_BASE_URL": ""}, (), 2),
        ({}, ("--mapping", "nowhere.toml"), 2),
        ({}, ("--journal", "/proc/nowhere/journal.sqlite"), 2),
        ({"FLINKS_IMPORT_LOG_FILE": "/proc/nowhere/log"}, (), 2),
    ],
    ids=["credentials", "no API", "no user", "no URL", "no mapping", "no journal", "no log"],
)
def test_what_is_wrong_for_every_file_leaves_every_file(
    drop: Drop, env: dict[str, str], options: tuple[str, ...], code: int
) -> None:
    """Settings, credentials, journal and API are no fault of a file: none is moved, and the pass says why once."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("b.csv", sheet("B-1"))
    done = drop.pass_(*options, env=env)
    assert done.code == code, done
    assert drop.tree() == {"a.csv", "b.csv"}
    assert drop.sandbox.created() == {}
    assert drop.pass_().code == 0


def test_without_a_terminal_yes_is_needed_before_any_file_is_touched(drop: Drop) -> None:
    """As for `run`: who sends unattended has to say so."""
    drop.put("a.csv", sheet("A-1"))
    done = drop.command("inbox", drop.path, env=drop.sandbox.env)
    assert (done.code, drop.tree()) == (2, {"a.csv"})
    assert "--yes" in done.err


@pytest.mark.parametrize(("name", "says"), [("nowhere", "no folder"), ("file.csv", "is a file")])
def test_a_folder_that_is_none_is_named(drop: Drop, name: str, says: str) -> None:
    """A wrong path ends with 2 and says what is there instead."""
    (drop.command.home / "file.csv").write_text(sheet("A-1"))
    done = drop.command("inbox", name, "--yes", env=drop.sandbox.env)
    assert (done.code, says in done.err) == (2, True)


def test_a_file_whose_batch_another_run_holds_is_left(drop: Drop) -> None:
    """The journal's lock decides: 7, the file stays, and the others are run."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("b.csv", sheet("B-1"))
    drop.command.data.mkdir(parents=True)
    with open_journal(str(drop.command.data / "journal.sqlite")) as journal:
        batch = journal.write(runs.ensure_batch, "a", drop.sandbox.base_url, datetime.now().astimezone())
        with journal.lease(batch):
            assert drop.pass_().code == 7
    assert drop.tree() == {"a.csv", "done/DAY/b.csv", "done/DAY/b.results.xlsx"}
    assert drop.pass_().code == 0


def test_an_option_that_does_not_fit_one_sheet_refuses_that_sheet(drop: Drop) -> None:
    """A column that `--identity` names and one sheet does not have is no reason to leave the others."""
    drop.put("a.csv", sheet("A-1"))
    drop.put("b.csv", sheet("B-1").replace("Reference", "Invoice"))
    assert drop.pass_("--identity", "Invoice").code == 2
    assert {"refused/DAY/a.csv", "done/DAY/b.csv"} <= drop.tree()


# ---------------------------------------------------------------------------------------------------------------
# The service


@pytest.fixture
def service(drop: Drop) -> Iterator[Callable[..., Process]]:
    """Starts `inbox --watch` and sees to its end."""
    started = []

    def start(*options: str) -> Process:
        process = drop.command.start(*drop.line("--watch", "--every", "1", *options), env=drop.sandbox.env)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_service_takes_what_comes_and_ends_when_it_is_told(drop: Drop, service: Callable[..., Process]) -> None:
    """`--watch` makes a pass again and again; SIGTERM ends it with 0 while nothing is in flight."""
    process = service()
    for name in ("a", "b"):
        drop.put(f"{name}.csv", sheet(f"{name}-1"))
        until(lambda name=name: f"done/DAY/{name}.results.xlsx" in drop.tree())  # type: ignore[misc]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, [line[:11] for line in out.splitlines()]) == (0, ["done: a.csv", "done: b.csv"]), err


def test_the_service_finishes_what_is_in_flight(drop: Drop, service: Callable[..., Process]) -> None:
    """SIGTERM in the middle of a file ends it with 6; the file stays, and the next pass asks the others only."""
    drop.put("a.csv", sheet(*(f"A-{number}" for number in range(100))))
    process = service("--rate", "10", "--concurrency", "2")
    until(lambda: len(drop.sandbox.created()) > 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 6
    assert "a.csv" in drop.tree()
    assert 3 < len(drop.sandbox.created()) < 100
    assert drop.pass_().code == 0
    assert drop.sandbox.created() == {f"A-{number}": 1 for number in range(100)}


def test_the_service_ends_when_the_credentials_are_refused(drop: Drop) -> None:
    """A service that knocked on with a wrong password would lock the account."""
    drop.put("a.csv", sheet("A-1"))
    assert drop.pass_("--watch", "--every", "1", env={"FLINKS_PASSWORD": "wrong"}).code == 4


def test_a_signal_is_heard_although_a_run_forgets_it() -> None:
    """While results are written a run only remembers a signal; the pass must still end after it."""
    with listening() as signals:
        assert not signals.came()
        with interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")) as run:
            run.finish()
            os.kill(os.getpid(), signal.SIGTERM)
        assert signals.came()


# ---------------------------------------------------------------------------------------------------------------
# Crashes

KILL = """\
import os, signal, sys
steps = 0
def hook(event, args):
    global steps
    if event not in {"os.rename", "os.remove", "os.mkdir", "os.rmdir"} or "KILL_IN" not in os.environ:
        return
    below = args[{"os.rename": 2, "os.remove": 1, "os.mkdir": 2, "os.rmdir": 1}[event]]
    folder = os.readlink(f"/proc/self/fd/{below}") if below >= 0 else ""
    if os.environ["KILL_IN"] in os.path.join(folder, os.fspath(args[0])):
        steps += 1
        if steps == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""
"""Kills the process just before the step KILL_AT that it takes in the folder KILL_IN."""


@pytest.fixture
def deadly(command: Command, tmp_path: Path) -> Iterator[Command]:
    """The command, from a fork server of its own, in whose processes a step can be the last one."""
    (tmp_path / "sitecustomize.py").write_text(KILL)
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    with ForkServer(tmp_path, clean_environment() | {"PYTHONPATH": path}) as fork_server:
        deadly = Command(command.home, fork_server)
        deadly.environment["PYTHONPATH"] = path
        yield deadly


@pytest.mark.slow
def test_a_kill_at_any_step_loses_nothing_and_asks_nobody_twice(drop: Drop, deadly: Command) -> None:
    """Whatever rename, removal or new folder is the last one: passes afterwards leave the folder as if none was."""
    drop.tail = ("--yes", "--settle", "0")
    killing = drop.sandbox.env | {"KILL_IN": str(drop.path)}
    expected: set[str] = set()
    for step in range(1, 60):
        drop.put(f"n{step}.csv", sheet(f"N-{step}"))
        drop.put(f"n{step}.csv.done", "")
        expected |= {f"done/DAY/n{step}.csv", f"done/DAY/n{step}.results.xlsx"}
        killed = deadly(*drop.line(), env=killing | {"KILL_AT": str(step)})
        if killed.code == 0:
            break
        assert killed.code == -signal.SIGKILL, killed
        assert drop.pass_().code == 0
        # What belongs to a file that was moved just before is brought at once; working places go a pass later.
        assert {name for name in drop.tree() if not name.startswith(".")} == expected
    else:
        raise AssertionError("the pass takes more steps than this test knows")
    assert step > 10
    drop.pass_()
    assert drop.tree() == expected
    assert set(drop.sandbox.created().values()) == {1}


def test_a_file_that_was_run_and_not_moved_is_moved_without_asking(drop: Drop) -> None:
    """A crash between run and move: the same file is run once more, which asks nobody, and moved as done."""
    path = drop.put("a.csv", sheet("A-1"))
    assert (
        drop.command("run", path, "--yes", "-o", drop.command.home / "a.results.xlsx", env=drop.sandbox.env).code == 0
    )
    done = drop.pass_()
    assert (done.code, "nothing sent" in done.out) == (0, True)
    assert drop.sandbox.received() == {"A-1": 1}


def test_two_passes_at_once_ask_nobody_twice(drop: Drop) -> None:
    """Cron jobs that overlap on one folder: each file is run by one of them and lies in done/ once."""
    for number in range(6):
        drop.put(f"f{number}.csv", sheet(f"F-{number}"))
    processes = [drop.command.start(*drop.line("--json"), env=drop.sandbox.env) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert {process.returncode for process in processes} <= {0, 7}, outputs
    assert drop.sandbox.created() == {f"F-{number}": 1 for number in range(6)}
    assert drop.tree() == {f"done/DAY/f{number}{end}" for number in range(6) for end in (".csv", ".results.xlsx")}
    assert all(json.loads(out)["exitCode"] in {0, 7} for out, _ in outputs)


def test_a_pass_takes_the_headings_of_the_command_line(drop: Drop) -> None:
    """`--map` and `--split-names` are for every sheet of the folder, as they are for `run`."""
    drop.put("names.csv", 'Reference,Person,Email,To pay\nA-1,"Tremblay, Zoé",zoe@example.com,250.00\n')
    done = drop.pass_("--map", "To pay=amount", "--split-names", "Person")
    assert done.code == 0, done
    assert "done/DAY/names.csv" in drop.tree()


def test_what_became_of_a_file_is_french_in_french(drop: Drop) -> None:
    """The folder keeps its name; the word before the file is the user's."""
    drop.put("b-empty.csv", "")
    assert drop.pass_("--lang", "fr").out.startswith("refusé : b-empty.csv : ")
