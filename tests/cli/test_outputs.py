"""Nothing of a person's is written over, by any command: what was changed, is open, or is another batch's stays."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from support.command import Command, Finished, serving
from support.fork_server import ForkServer

SHEET = """Reference,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Ann,Roy,ann@@example.com,12
"""
REPORT = "Session ID,Reference,Amount,Currency,Status\n,A-1,250.00,CAD,Settled\n"
AR = '[columns]\nreferenceId = "No"\namount = "Total"\n'


@dataclass(frozen=True, slots=True)
class Case:
    """A command that writes files. `{out}` begins their names, `{batch}` is the batch.

    `of_all` files belong to no batch; `told` says that the JSON summary names the files.
    """

    id: str
    words: str
    of_all: bool = False
    told: bool = True

    def files(self, out: str) -> set[str]:
        """The names that are wanted."""
        return {word.format(out=out) for word in self.words.split() if word.startswith("{out}")}


RECEIVABLES = "--receivables {out}.txt --receivables-mapping ar.toml"
CASES = [
    Case(
        "run",
        f"run rent.xlsx --yes --batch {{batch}} -o {{out}}.xlsx --csv {{out}}.csv --parquet {{out}}.parquet"
        f" --html {{out}}.html --marked-copy {{out}}.mended.xlsx {RECEIVABLES}",
    ),
    Case(
        "validate", "validate rent.xlsx --batch {batch} -o {out}.xlsx --csv {out}.csv --marked-copy {out}.mended.xlsx"
    ),
    Case("status", f"status {{batch}} -o {{out}}.xlsx --csv {{out}}.csv --html {{out}}.html {RECEIVABLES}"),
    Case("cancel", "cancel {batch} --yes -o {out}.xlsx"),
    Case("reconcile", "reconcile {batch} report.csv -o {out}.xlsx"),
    Case("plan", "plan fresh.csv --batch {batch} -o {out}.html"),
    Case("metrics", "run rent.xlsx --yes --batch {batch} --metrics-file {out}.prom -o w.xlsx", of_all=True, told=False),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with a batch `rent` and a batch `other` of one environment, and both in the sandbox."""

    command: Any
    home: Path
    env: dict[str, str]

    def call(self, case: Case, out: str, *more: str, batch: str = "rent") -> tuple[Finished, set[str]]:
        """Run a case; gives what ended, and the names of the files that are new or were written anew."""
        before = self._files()
        done = self.command(*case.words.format(out=out, batch=batch).split(), *more, "--json", env=self.env)
        assert "Traceback" not in done.err
        written = {name for name, inode in self._files().items() if before.get(name) != inode}
        if case.of_all:
            written = {name for name in written if not name.startswith("w")}  # its workbook
        if case.told:
            summary = done.json()
            assert {summary["output"], *summary.get("outputs", {}).values()} == written
        return done, written

    def _files(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.home.iterdir() if path.is_file()}


def numbered(names: set[str], number: int = 2) -> set[str]:
    """The next free names."""
    paths = map(Path, names)
    return {f"{path.stem} ({number}){path.suffix}" for path in paths}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer) -> Iterator[Desk]:
    """One for the module: each test has names of its own."""
    command = Command(tmp_path_factory.mktemp("desk"), fork_server)
    home = command.home / "work"
    home.mkdir()
    book = Workbook()
    for line in csv.reader(SHEET.splitlines()):
        book.active.append(line)
    book.save(home / "rent.xlsx")
    (home / "fresh.csv").write_text(SHEET.replace("A-", "B-").replace("zoe@", "zed@"), encoding="utf-8")
    (home / "report.csv").write_text(REPORT, encoding="utf-8")
    (home / "ar.toml").write_text(AR)
    with serving(command) as sandbox:
        made = Desk(lambda *words, env: command(*words, env=env, cwd=home), home, sandbox.env)
        for batch in ("rent", "other"):
            for where in ("--yes", "--sandbox"):
                ran = command(
                    *("run", "rent.xlsx", "--batch", batch, "--allow-repeats", where, "-o", "w.xlsx"),
                    env=made.env,
                    cwd=home,
                )
                assert ran.code == 1
        yield made


cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def holds(desk: Desk, case: Case, out: str, *more: str, batch: str = "rent") -> None:
    """What stands at the wanted places stays, the output is beside it, and that is said, also with `-q`."""
    wanted = case.files(out)
    before = {name: (desk.home / name).read_bytes() for name in wanted}
    done, written = desk.call(case, out, "-q", *more, batch=batch)
    assert written == numbered(wanted), done
    assert {name: (desk.home / name).read_bytes() for name in wanted} == before
    for name in wanted | written:
        assert name in done.err


@cases
def test_what_is_as_it_was_left_is_written_over(desk: Desk, case: Case) -> None:
    """The same name for ever, as long as nobody touches it."""
    out = f"{case.id}-same"
    for _ in range(3):
        done, written = desk.call(case, out)
        assert written == case.files(out)
        assert "Written instead" not in done.err


@cases
def test_what_was_changed_stays(desk: Desk, case: Case) -> None:
    """A byte is enough; and what was written beside it is written over the next time."""
    out = f"{case.id}-changed"
    desk.call(case, out)
    for name in case.files(out):
        (desk.home / name).write_bytes((desk.home / name).read_bytes() + b" ")
    holds(desk, case, out)
    holds(desk, case, out)


@cases
def test_what_was_changed_and_set_back_is_ours_again(desk: Desk, case: Case) -> None:
    """Only the bytes count, not the time of the file."""
    out = f"{case.id}-back"
    desk.call(case, out)
    for name in case.files(out):
        content = (desk.home / name).read_bytes()
        (desk.home / name).write_bytes(b"")
        (desk.home / name).write_bytes(content)
    assert desk.call(case, out)[1] == case.files(out)


@cases
def test_what_is_of_another_batch_stays(desk: Desk, case: Case) -> None:
    """Except the metrics, which belong to none: the collector knows one name."""
    out = f"{case.id}-batch"
    desk.call(case, out)
    if case.of_all:
        assert desk.call(case, out, batch="other")[1] == case.files(out)
    else:
        holds(desk, case, out, batch="other")


@cases
def test_what_is_of_another_environment_stays(desk: Desk, case: Case) -> None:
    """A trial in the sandbox takes nothing from a real batch of the same name."""
    out = f"{case.id}-sandbox"
    desk.call(case, out)
    holds(desk, case, out, "--sandbox")


@cases
@pytest.mark.parametrize("lock", ["~${}", ".~lock.{}#"], ids=["Excel", "LibreOffice"])
def test_what_is_open_stays(desk: Desk, case: Case, lock: str) -> None:
    """Whoever has it open would save the old over the new."""
    out = f"{case.id}-open-{len(lock)}"
    desk.call(case, out)
    for name in case.files(out):
        (desk.home / lock.format(name)).touch()
    holds(desk, case, out)


@cases
def test_what_was_never_ours_stays(desk: Desk, case: Case) -> None:
    """Whatever it is; and it is no reason to refuse."""
    out = f"{case.id}-mine"
    for name in case.files(out):
        (desk.home / name).write_bytes(b"mine")
    holds(desk, case, out)


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("run input.xlsx --yes --batch rent -o input.xlsx", "input.xlsx"),
        ("run input.xlsx --yes --batch rent --csv input.xlsx", "input.xlsx"),
        ("run input.xlsx --yes --batch rent --marked-copy ./input.xlsx", "input.xlsx"),
        ("validate input.xlsx --batch rent -o input.xlsx", "input.xlsx"),
        ("reconcile rent input.csv -o link.xlsx", "input.csv"),
    ],
)
def test_the_input_is_never_written_over(desk: Desk, words: str, given: str) -> None:
    """By no name and no link, and also where it is the program's own file as it left it."""
    content = (desk.home / "rent.xlsx").read_bytes() if given == "input.xlsx" else REPORT.encode()
    (desk.home / given).write_bytes(content)
    (desk.home / "link.xlsx").unlink(missing_ok=True)
    (desk.home / "link.xlsx").symlink_to(desk.home / given)
    done = desk.command(*words.split(), "--json", env=desk.env)
    assert done.code in {0, 1}, done
    assert (desk.home / given).read_bytes() == content
    assert "Written instead" in done.err
    assert (desk.home / "link.xlsx").is_symlink()


def test_a_workbook_given_back_is_an_input_though_it_is_ours(desk: Desk) -> None:
    """`x.results.xlsx` as it was left gives `x.results (2).xlsx`, which given back gives no doubled name either."""
    first = desk.home / "back.results.xlsx"
    (desk.home / "back.csv").write_text(SHEET.replace("A-", "C-"), encoding="utf-8")
    assert desk.command("run", "back.csv", "--yes", "--json", env=desk.env).json()["output"] == first.name
    given = first.read_bytes()
    again = desk.command("run", first.name, "--yes", "--json", env=desk.env)
    assert (again.json()["output"], again.json()["batch"]) == ("back.results (2).xlsx", "back")
    assert first.read_bytes() == given
    second = (desk.home / "back.results (2).xlsx").read_bytes()
    third = desk.command("run", "back.results (2).xlsx", "--yes", "--json", env=desk.env)
    assert third.json()["output"] == "back.results.xlsx"
    assert (desk.home / "back.results (2).xlsx").read_bytes() == second
    assert not list(desk.home.glob("back*results*results*"))


def test_each_command_has_a_name_of_its_own(desk: Desk) -> None:
    """A trial, a run, `status` and `reconcile` never meet at one place."""
    (desk.home / "names.csv").write_text(SHEET.replace("A-", "D-"), encoding="utf-8")
    for words, name in (
        ("run names.csv --yes", "names.results.xlsx"),
        ("run names.csv --sandbox", "names.sandbox.results.xlsx"),
        ("status names", "names.status.xlsx"),
        ("cancel names --yes", "names.status.xlsx"),
        ("reconcile names report.csv", "names.reconciliation.xlsx"),
    ):
        assert desk.command(*words.split(), "--json", env=desk.env).json()["output"] == name
    assert len(list(desk.home.glob("names*.xlsx"))) == 4


def test_a_mapping_that_is_there_stays(desk: Desk) -> None:
    """A command without a journal remembers nothing: what it wrote itself stays too."""
    words = ("columns", "rent.xlsx", "--write-mapping", "map.toml", "--json")
    first = desk.command(*words, env=desk.env)
    before = (desk.home / "map.toml").read_bytes()
    again = desk.command(*words, env=desk.env)
    assert (first.json()["output"], again.json()["output"]) == ("map.toml", "map (2).toml")
    assert (desk.home / "map.toml").read_bytes() == before
    assert "map (2).toml" in again.err


def test_a_bundle_that_is_there_stays(desk: Desk) -> None:
    """Nor is a bundle for the helper written over anything."""
    (desk.home / "help.zip").write_bytes(b"mine")
    done = desk.command("doctor", "--bundle", "help.zip", env=desk.env)
    assert "help (2).zip" in done.err
    assert "help (2).zip" in done.out
    assert (desk.home / "help.zip").read_bytes() == b"mine"


def test_a_large_workbook_is_remembered_too(desk: Desk) -> None:
    """The other process, which writes it while the answers come in, knows what may be written over."""
    lines = [SHEET.splitlines()[0], *(f"L-{n},Zoé,Roy,z{n}@example.com,5" for n in range(1_200))]
    (desk.home / "large.csv").write_text("\n".join(lines), encoding="utf-8")
    run = ("run", "large.csv", "--sandbox", "--json")
    (desk.home / "large.sandbox.results.xlsx").write_bytes(b"mine")
    again = ("--batch", "l2", "--allow-repeats")
    names = [desk.command(*run, *more, env=desk.env).json()["output"] for more in ((), (), again)]
    assert names == ["large.sandbox.results (2).xlsx"] * 2 + ["large.sandbox.results (3).xlsx"]
    assert (desk.home / "large.sandbox.results.xlsx").read_bytes() == b"mine"
    assert load_workbook(desk.home / names[0])["Results"].max_row == 1_201
