"""A night of forty files: two passes that overlap, kills in between, and a look in the morning at what is where."""

import csv
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from support.command import Command, Process, StandaloneSandbox

SAMPLES = Path(__file__).parents[2] / "samples"
ENGLISH = "Reference,First Name,Last Name,Email,Amount\n"
FRENCH = "Référence;Prénom;Nom;Courriel;Montant;Envoyer le lien\n"
ROWS = 6
"""Rows of each good file."""


def rows(batch: str, email: str = "zoe@example.com") -> str:
    return "".join(f"{batch}-{row},Zoé,Tremblay,{email},{row + 1}0.00\n" for row in range(ROWS))


def french(batch: str) -> str:
    return FRENCH + "".join(f"{batch}-{row};Zoé;Tremblay;zoe@example.com;{row + 1}0,50;oui\n" for row in range(ROWS))


def fill(drop: Path) -> dict[str, set[str]]:
    """Forty files of every kind; for each name the folders in which it may lie in the morning, `""` for its place."""
    expected: dict[str, set[str]] = {}

    def put(name: str, content: str | bytes, *folders: str) -> None:
        (drop / name).write_bytes(content.encode() if isinstance(content, str) else content)
        expected[name] = set(folders)

    # A kill leaves the outcome of what was in flight unknown: such a file needs a person.
    good = ("done", "attention")
    # Whichever of two equal files is run first asks, the other is refused.
    for number in range(14):
        put(f"good-{number:02}.csv", ENGLISH + rows(f"G{number:02}"), *good, *(("refused",) if number < 2 else ()))
    for number in range(4):
        put(f"facture-{number}.csv", french(f"F{number}"), *good)
    for number in range(4):
        put(f"marked-{number}.csv", ENGLISH + rows(f"M{number}"), *good)
        (drop / f"marked-{number}.csv.{'done' if number % 2 else 'ready'}").touch()
    for number in range(4):
        put(
            f"faulty-{number}.csv",
            ENGLISH + rows(f"B{number}") + f"B{number}-x,Zoé,Roy,zoe@@example.com,1.00\n",
            "attention",
        )
    for sample in ("billing-2026-11.xlsx", "facturation-2026-11.csv"):
        put(sample, (SAMPLES / sample).read_bytes(), "attention")
    for number in range(2):
        put(f"copy of good-{number:02}.csv", ENGLISH + rows(f"G{number:02}"), *good, "refused")
    put("good-02.txt", ENGLISH + rows("G02"), *good)
    put("empty.csv", "", "refused")
    put("scan.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "refused")
    put("scan.xlsx", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "refused")
    put("half.xlsx", b"PK\x03\x04\x14\0\6\0\x08\0", "refused")
    put("no headings.csv", rows("N"), "refused")
    put("upload.csv.part", ENGLISH + rows("P"), "")
    put("upload.xlsx.crdownload", b"PK", "")
    put(".~lock.good-03.csv#", "", "")
    put("~$billing-2026-11.xlsx", b"\0" * 165, "")
    return expected


class Night:
    """Passes over one folder at one sandbox."""

    def __init__(self, command: Command, sandbox: StandaloneSandbox) -> None:
        self.command, self.sandbox = command, sandbox
        self.drop = command.home / "drop"
        self.drop.mkdir()
        line = ("inbox", self.drop, "--yes", "-q", "--settle", "0.5", "--send-link", "--concurrency", "4")
        self.line = (*line, "--rate", "150")

    def start(self) -> Process:
        return self.command.start(*self.line, env=self.sandbox.env)

    def wait_for(self, sessions: int, patience: float = 4) -> None:
        """Wait until so many more sessions have been created, or until it is clear that no more will be."""
        wanted = len(self.sandbox.created()) + sessions
        deadline = time.monotonic() + patience
        while len(self.sandbox.created()) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)

    def folders(self, name: str) -> list[str]:
        """Where a file lies, under its name or numbered: `done`, `attention`, `refused`, or `""` for its old place."""
        named = re.compile(re.escape(Path(name).stem) + r"( \(\d\))?" + re.escape(Path(name).suffix))
        found = [path for path in self.drop.rglob("*") if path.is_file() and named.fullmatch(path.name)]
        places = [path.relative_to(self.drop).parts for path in found]
        return [parts[0] if len(parts) > 1 else "" for parts in places]


@pytest.fixture
def night(command: Command, standalone_sandbox: StandaloneSandbox) -> Night:
    return Night(command, standalone_sandbox)


@pytest.mark.slow
def test_in_the_morning_every_file_lies_where_it_belongs_and_nobody_was_asked_twice(night: Night) -> None:
    """Whatever overlaps and whatever is killed: no file is lost, no link is e-mailed twice, nothing needs cleaning."""
    expected = fill(night.drop)
    assert len(expected) == 40
    chance = random.Random(40)

    for _ in range(5):
        pair = night.start(), night.start()
        night.wait_for(chance.randint(1, 30))
        pair[0].send_signal(signal.SIGKILL)
        time.sleep(chance.uniform(0.0, 1.0))
        pair[1].send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        for process in pair:
            process.communicate(timeout=120)
    pair = night.start(), night.start()
    for process in pair:
        _, err = process.communicate(timeout=120)
        assert process.returncode in {0, 1, 3, 5, 7}, err
    last = night.command(*night.line, env=night.sandbox.env)
    assert (last.code, last.out, last.err) == (0, "", "")

    astray = {
        name: night.folders(name) for name, folders in expected.items() if not set(night.folders(name)) <= folders
    }
    assert astray == {}
    assert Counter(len(night.folders(name)) for name in expected) == {1: len(expected)}
    left = {path.name for path in night.drop.iterdir() if path.is_file()}
    assert left == {name for name, folders in expected.items() if folders == {""}}
    assert not (night.drop / ".flinks-import").exists()
    _each_has_what_belongs_to_it(night.drop)
    _nobody_was_asked_twice(night)


def _each_has_what_belongs_to_it(drop: Path) -> None:
    """A workbook lies beside every file that was run, a reason beside every one that needs a person, and no more."""
    for folder in (path for name in ("done", "attention", "refused") for path in (drop / name).iterdir()):
        names = {path.name for path in folder.iterdir()}
        files = {name for name in names if not name.endswith((".results.xlsx", ".why.txt"))}
        ends = {"done": (".results.xlsx",), "attention": (".results.xlsx", ".why.txt"), "refused": (".why.txt",)}
        belongs = {f"{Path(name).stem}{end}" for name in files for end in ends[folder.parent.name]}
        assert names == files | belongs


def _nobody_was_asked_twice(night: Night) -> None:
    created = night.sandbox.created()
    # A kill may leave it open whether a row without an e-mailed link got its session: such a row is sent again, since
    # nobody sees a link that nobody delivers (API notes, "What an answer means").
    e_mailed = created.keys() - _not_e_mailed()
    assert {reference: created[reference] for reference in e_mailed if created[reference] > 1} == {}
    # Nothing was sent that was not to be: no partial upload, no sheet without headings.
    assert not any(reference.startswith(("P-", "N-")) for reference in created)
    # A row has its session, or it is one whose outcome a kill left open: a file in done/ has all of them.
    for path in night.drop.glob("done/*/*.csv"):
        kind, number = re.match(r"(?:copy of )?([a-z]+)-(\d+)", path.stem).groups()
        batch = {"good": "G", "facture": "F", "marked": "M"}[kind] + number
        assert all(created.get(f"{batch}-{row}") == 1 for row in range(ROWS)), path


def _not_e_mailed() -> set[str]:
    """The references of the samples whose link the API does not e-mail."""
    found = set()
    for name, encoding, delimiter, no in (
        ("billing-2026-11.csv", "utf-8-sig", ",", "no"),
        ("facturation-2026-11.csv", "cp1252", ";", "non"),
    ):
        with (SAMPLES / name).open(encoding=encoding, newline="") as file:
            found |= {line[0] for line in csv.reader(file, delimiter=delimiter) if no in line}
    assert len(found) > 5
    return found


@pytest.mark.slow
def test_a_full_disk_loses_no_file_and_the_next_pass_goes_on(night: Night, tmp_path: Path) -> None:
    """Where nothing can be written any more, files stay or are moved whole; with room again the pass goes on."""
    size = shutil.which("prlimit")
    if size is None:
        pytest.skip("no prlimit here")
    names = [f"good-{number}.csv" for number in range(3)]
    for number, name in enumerate(names):
        (night.drop / name).write_text(ENGLISH + rows(f"D{number}"), "utf-8")
    # A limit on the size of files stands in for a full disk: the workbook and the journal can't grow.
    line = [size, "--fsize=20000", *night.command.line(*night.line)]
    environment = night.command.environment | night.sandbox.env
    subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert all(len(night.folders(name)) == 1 for name in names)
    assert night.command(*night.line, env=night.sandbox.env).code in {0, 1, 5}
    assert all(night.folders(name) != [""] for name in names)
    assert set(night.sandbox.created().values()) <= {1}
