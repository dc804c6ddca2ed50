"""What commands leave: for their owner only, nothing of a killed one, and no empty journal in the place of another."""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from support.command import Command, Finished, StandaloneSandbox, clean_environment
from support.fault_server import FaultServer, Talk, created
from support.fork_server import REPOSITORY, ForkServer
from support.run_fixture import Desk, Line, check_truth, write_sheet

VANISH = """\
import os, sys
times = 0
def hook(event, args):
    global times
    if event == "open" and "GOES" in os.environ and str(args[0]) == os.environ["GOES"]:
        times += 1
        if times == int(os.environ["GOES_AT"]):
            os.unlink(args[0])
sys.addaudithook(hook)
"""
"""Removes the file GOES just before it is opened for the GOES_AT-th time."""

SHEET = "Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\nR-2,Bo,Li,bo@@example.com,1\n"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "4", "answer_timeout": "10"})


def test_whatever_a_command_makes_is_for_its_owner_only(
    command: Command, tmp_path: Path, standalone_sandbox: StandaloneSandbox
) -> None:
    """Files and folders of every command, whatever the umask; metrics alone are for a collector to read."""
    work = tmp_path / "work"
    (work / "drop").mkdir(parents=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("sheet.csv", "drop/a.csv", "drop/b.csv"):
        (work / name).write_text(SHEET.replace("R-", f"{name}-"))
    (work / "drop/c.csv").write_text("nothing")
    given = {work, temporary, work / "drop", *work.rglob("*.csv")}
    environment = standalone_sandbox.env | {"TMPDIR": str(temporary), "FLINKS_IMPORT_LOG_FILE": str(work / "log")}
    before = os.umask(0)
    try:
        for line in (
            ("run", "sheet.csv", "--yes", "--csv", "out.csv", "--html", "out.html", "--metrics-file", "out.prom"),
            ("run", "sheet.csv", "--sandbox", "-o", "sandbox.results.xlsx", "--marked-copy", "mended.xlsx"),
            ("validate", "sheet.csv", "--sandbox", "-o", "checked.xlsx"),
            ("plan", "sheet.csv", "-o", "plan.json"),
            ("columns", "sheet.csv", "--write-mapping", "mapping.toml"),
            ("status", "sheet", "-o", "status.xlsx"),
            ("inbox", "drop", "--yes", "--settle", "0"),
            ("journal", "backup", "backup.sqlite"),
            ("template", "-o", "template.xlsx"),
            ("config", "init", "settings.toml"),
            ("doctor", "--bundle", "bundle.zip"),
        ):
            done = command(*line, env=environment, cwd=work)
            assert done.code != 70, done
            assert "No such option" not in done.err, done
    finally:
        os.umask(before)
    dropped = {"a.csv", "b.csv", "c.csv"}  # whose mode is that of whoever put them there
    made = {path for folder in (work, command.data, temporary) for path in folder.rglob("*")} - given
    made -= {path for path in made if path.name in dropped}
    assert {"backup.sqlite", "bundle.zip", "out.csv", "out.html", "attention", "log"} <= {p.name for p in made}
    open_ones = {str(path): oct(stat.S_IMODE(path.stat().st_mode)) for path in made if path.stat().st_mode & 0o077}
    assert {path: mode for path, mode in open_ones.items() if not path.endswith(".prom")} == {}


def test_a_folder_that_is_set_up_for_its_group_shares_results_with_it(
    command: Command, standalone_sandbox: StandaloneSandbox
) -> None:
    """With `chmod 2770` the group reads what came of a file that it could read, and changes nothing."""
    drop = command.home / "drop"
    drop.mkdir()
    drop.chmod(0o2770)
    (drop / "a.csv").write_text(SHEET)
    (drop / "a.csv").chmod(0o660)
    assert command("inbox", drop, "--yes", "--settle", "0", env=standalone_sandbox.env).code == 1
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o777 for path in (drop / "attention").rglob("*")}
    assert modes.pop("a.csv") == 0o660
    assert set(modes.values()) == {0o750, 0o640}


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_journal_that_goes_in_mid_run_is_an_error_at_once(desk: Desk, command: Command, how: str) -> None:
    """Nothing more is sent, the workbook says what is known, and no empty journal takes the place."""
    lines = [Line(f"INV-{number}", link=True) for number in range(200)]
    sheet = write_sheet(desk.folder / "sheet.csv", lines)
    journal = command.home / "own" / "journal.sqlite"
    environment = desk.environment() | {"FLINKS_IMPORT_JOURNAL": str(journal)}
    journal.parent.mkdir()
    assert command("journal", "create", journal).code == 0
    sent = 0

    def goes(talk: Talk) -> None:
        nonlocal sent
        for path in sorted(journal.parent.glob("journal.sqlite*")):  # the journal itself before what lies beside it
            path.unlink(missing_ok=True)  # the run may have noticed already, and taken away what was beside it
        if how == "replaced":
            journal.write_bytes(b"")
        sent = len(desk.server.created)
        created(talk)

    desk.server.on_create.extend([created] * 20 + [goes])
    done: Finished = command("run", sheet, "--yes", "-v", env=environment)
    assert done.code == 5, done
    assert f"{journal} was removed or replaced" in done.err
    assert "Traceback" not in done.err
    assert len(desk.server.created) <= sent + 5
    check_truth(desk.folder / "sheet.results.xlsx", [line.reference for line in lines], desk.server.sessions)
    assert journal.exists() == (how == "replaced")
    assert not journal.exists() or not journal.stat().st_size


@pytest.mark.slow
def test_what_a_killed_run_leaves_goes_with_the_next(desk: Desk, command: Command) -> None:
    """An unfinished workbook and a temporary folder."""
    temporary = command.home / "temporary"
    temporary.mkdir()
    lines = [Line(f"INV-{number}") for number in range(1500)]
    sheet = write_sheet(desk.folder / "sheet.csv", lines)
    environment = desk.environment() | {"TMPDIR": str(temporary)}
    before = {path.name for path in desk.folder.iterdir()}

    def left() -> set[str]:
        """Ours begin with a dot: Python tries a temporary folder out with files of other names."""
        return {path.name for path in [*temporary.glob(".*"), *desk.folder.glob(".*")]} - before

    process = command.start("run", sheet, "--yes", "-q", env=environment)
    while process.poll() is None and (len(desk.server.created) < len(lines) or not left()):
        time.sleep(0.001)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert left()
    assert command("run", sheet, "--yes", "-q", env=environment).code in {0, 5}
    assert left() == set()


@pytest.fixture
def vanishing(command: Command, tmp_path: Path) -> Iterator[Callable[[Path, int], Finished]]:
    """The command `validate`, from a fork server of its own, whose sheet goes just before it is opened so often."""
    (tmp_path / "sitecustomize.py").write_text(VANISH)
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    with ForkServer(tmp_path, clean_environment() | {"PYTHONPATH": path}) as fork_server:
        one = Command(command.home, fork_server)
        one.environment["PYTHONPATH"] = path
        yield lambda sheet, times: one("validate", sheet, "--sandbox", env={"GOES": str(sheet), "GOES_AT": str(times)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx", "sheet.xls"])
def test_a_sheet_that_goes_while_it_is_read_is_a_sentence(
    vanishing: Callable[[Path, int], Finished], tmp_path: Path, name: str
) -> None:
    """At whatever moment: a drive is pulled, an export begins anew. Exit code 3, and what happened."""
    sheet = tmp_path / name
    rows = [["Reference", "First Name", "Last Name", "Email", "Amount"], ["R-1", "Ann", "Roe", "a@example.com", "1"]]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for times in range(1, 30):
        if name == "sheet.csv":
            sheet.write_text("\n".join(map(",".join, rows)) + "\n")
        elif name == "sheet.xls":
            cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
            sheet.write_text("<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>")
        else:
            book.save(sheet)
        done = vanishing(sheet, times)
        if sheet.exists():
            break
        if done.code:  # else it went after all of it was read
            assert (done.code, str(sheet) in done.err) == (3, True), (times, done)
    assert done.code == 0
    assert times > 3
