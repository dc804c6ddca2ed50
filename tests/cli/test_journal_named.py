"""The journal's place, for every command: one that was named must be there, and nobody is asked without it."""

import io
import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from support.command import Command, Finished, StandaloneSandbox
from support.journals import place

from pipeline.config.passwords import MASK

SHEET = (
    "Reference,First Name,Last Name,Email,Amount\n"
    "R-1,Ann,Roe,ann@example.com,1.00\n"
    "R-2,Bob,Poe,bob@example.com,2.00\n"
    "R-3,Cy,Doe,cy@example.com,3.00\n"
)

SENDING = {
    "run": ("run", "billing.csv", "--yes"),
    "inbox": ("inbox", "drop", "--yes", "--settle", "0"),
}
REHEARSING = {
    "validate": ("validate", "billing.csv"),
    "dry run": ("run", "billing.csv", "--dry-run"),
}
PLANNING = {"plan": ("plan", "billing.csv")}
READING = {
    "approve": ("approve", "billing-p1", "--total", "1"),
    "status": ("status", "billing"),
    "batches show": ("batches", "show", "billing"),
    "reconcile": ("reconcile", "billing", "billing.csv"),
    "resolve": ("resolve", "billing", "2", "--not-created", "--note", "looked", "--yes"),
    "cancel": ("cancel", "billing", "--yes"),
}
LOOKING = {
    "batches": ("batches",),
    "purge": ("batches", "purge", "--before", "2020-01-01", "--yes"),
    "backup": ("journal", "backup", "backup.sqlite"),
    "check": ("journal", "check"),
    "doctor": ("doctor",),
}
COMMANDS = SENDING | PLANNING | REHEARSING | READING | LOOKING
MAKES = "flinks-import journal create"

PLACES = {
    "missing": ("typo.sqlite", (MAKES, "typo.sqlite", "drive")),
    "on a drive that is missing": ("mnt/accounting/journal.sqlite", (MAKES, "accounting", "drive")),
    "an empty file": ("empty.sqlite", ("empty.sqlite", "is empty")),
    "a letter": ("letter.txt", ("letter.txt", "not a journal")),
    "another program's": ("other.sqlite", ("other.sqlite", "another program")),
    "a folder": ("drop", ("drop", "folder")),
    "one slash": ("postgresql:/zoe:hunter2@127.0.0.1/billing", ("postgresql://USER@HOST/DATABASE",)),
    "no slash": ("postgres:zoe:hunter2@127.0.0.1/billing", ("postgresql://USER@HOST/DATABASE",)),
}


class Office:
    """A home with a sheet, a drop folder and files that are no journals; `witness` is the API that may be asked."""

    def __init__(self, command: Command, witness: StandaloneSandbox) -> None:
        self.command, self.home = command, command.home
        self.env = witness.env
        self.witness = witness
        (self.home / "billing.csv").write_text(SHEET)
        (self.home / "drop").mkdir()
        shutil.copy(self.home / "billing.csv", self.home / "drop")
        (self.home / "empty.sqlite").touch()
        (self.home / "letter.txt").write_text("Dear Zoé, " * 500)
        with closing(sqlite3.connect(self.home / "other.sqlite")) as connection, connection:
            connection.execute("CREATE TABLE customers (name TEXT)")

    def __call__(self, *args: str, env: dict[str, str] | None = None) -> Finished:
        return self.command(*args, env=self.env | (env or {}))

    def files(self) -> dict[str, bytes | None]:
        """Everything below the home, with its content."""
        return {
            str(path.relative_to(self.home)): path.read_bytes() if path.is_file() else None
            for path in self.home.rglob("*")
        }


@pytest.fixture
def office(command: Command, witness: StandaloneSandbox) -> Office:
    return Office(command, witness)


@pytest.mark.parametrize(("named", "parts"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS)
def test_a_journal_that_was_named_must_be_there(
    office: Office, args: tuple[str, ...], named: str, parts: tuple[str, ...]
) -> None:
    """Every command ends with 2 and says why, also with -q; nothing is made or changed, nobody is asked."""
    before = office.files()
    # In turn: each command and each place has both.
    given = ("-q", "--json")[([*COMMANDS.values()].index(args) + [*PLACES.values()].index((named, parts))) % 2]
    done = office(*args, "--journal", named, given)
    assert done.code == 2, done
    told = " ".join((done.out + done.err).split()).replace('\\"', '"')
    for part in parts:
        assert part in told
    assert "hunter2" not in told
    assert "Traceback" not in told
    if given == "--json" and args[0] not in {"inbox", "doctor"} and done.out:
        json.loads(done.out)
    assert office.files() == before
    assert office.witness.received() == {}


@pytest.mark.parametrize("said", ["variable", "file", "profile"])
@pytest.mark.parametrize("args", SENDING.values(), ids=SENDING)
def test_however_it_was_named(office: Office, args: tuple[str, ...], said: str) -> None:
    """A place from the environment or the settings file is as strict as one from an option."""
    toml, env, more = "", {}, ()
    match said:
        case "variable":
            env = {"FLINKS_IMPORT_JOURNAL": str(office.home / "typo.sqlite")}
        case "file":
            toml = 'journal = "typo.sqlite"\n'
        case "profile":
            toml, more = '[profile.night]\njournal = "typo.sqlite"\n', ("--profile", "night")  # type: ignore[assignment]
    (office.home / "flinks-import.toml").write_text(toml)
    before = office.files()
    done = office(*args, *more, env=env)
    assert (done.code, MAKES in done.err) == (2, True)
    assert (office.files(), office.witness.received()) == (before, {})


def test_an_empty_name_is_not_the_default_place(office: Office) -> None:
    """`--journal "$JOURNAL"` without that variable would begin an empty memory."""
    before = office.files()
    done = office("run", "billing.csv", "--yes", "--journal", "")
    assert (done.code, office.files(), office.witness.received()) == (2, before, {})


@pytest.mark.parametrize("content", ["", "CREATE TABLE customers (name TEXT)", "CREATE TABLE batches (name TEXT)"])
@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS)
def test_a_database_without_a_journal_is_none(
    office: Office, args: tuple[str, ...], content: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a server too: a database that can be reached and holds no journal is refused, and stays as it is."""
    with place("postgresql", tmp_path_factory.mktemp("server")) as url, psycopg.connect(url, autocommit=True) as server:
        if content:
            server.execute(content)
        before = office.files()
        done = office(*args, "--journal", url.replace("@", ":hunter2@"))
        assert done.code == 2, done
        named = "pg_dump" if args[:2] == ("journal", "backup") else MAKES
        assert named in done.out + done.err
        assert "hunter2" not in done.out + done.err
        tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert len(tables) == (1 if content else 0)
    assert (office.files(), office.witness.received()) == (before, {})


# ---------------------------------------------------------------------------------------------------------------
# The default place


@pytest.mark.parametrize("given", [("-q",), ("--json",), ("--log-json",), ("--lang", "fr")])
@pytest.mark.parametrize("args", SENDING.values(), ids=SENDING)
def test_the_default_place_is_made_and_said(
    command: Command, standalone_sandbox: StandaloneSandbox, args: tuple[str, ...], given: tuple[str, ...]
) -> None:
    """It is made when first needed, private with its folder, and said once, whatever -q."""
    office = Office(command, standalone_sandbox)
    first, second = office(*args, *given), office(*args, *given)
    assert (first.code, second.code) == (0, 0), first
    journal = command.data / "journal.sqlite"
    said = "Nouveau journal" if "fr" in given else "journal-begun" if "--log-json" in given else "New journal"
    assert [line for line in first.err.splitlines() if said in line and str(journal) in line]
    assert said not in second.err
    assert (journal.stat().st_mode & 0o777, command.data.stat().st_mode & 0o777) == (0o600, 0o700)
    assert standalone_sandbox.created() == {"R-1": 1, "R-2": 1, "R-3": 1}


@pytest.mark.parametrize("sandbox", [(), ("--sandbox",)], ids=["API", "sandbox"])
@pytest.mark.parametrize("args", (REHEARSING | READING | LOOKING).values(), ids=REHEARSING | READING | LOOKING)
def test_what_only_reads_makes_no_journal(office: Office, args: tuple[str, ...], sandbox: tuple[str, ...]) -> None:
    """Where the default place has none, a rehearsal does without, no batch is known, and the list is empty."""
    if args == ("doctor",) and sandbox:
        return
    done = office(*args, *sandbox)
    if args in {*REHEARSING.values(), ("batches",), LOOKING["purge"], ("doctor",)}:
        assert done.code == 0, done
    else:
        assert (done.code, "There is no" in done.err) == (2, True), done
    assert {path.name for path in office.home.rglob("*.sqlite*")} == {"empty.sqlite", "other.sqlite"}
    assert "journal" not in done.err or "There is no" in done.err
    assert office.witness.received() == {}


def test_a_plan_is_kept_in_a_new_journal(office: Office) -> None:
    """Another person looks for it there: at its default place the journal is made, and said."""
    done = office(*PLANNING["plan"])
    assert (done.code, "New journal" in done.err) == (0, True), done
    assert office("approve", "--json").json()[0]["plan"] == "billing-p1"
    assert office.witness.received() == {}


def test_without_a_journal_there_are_no_batches(office: Office) -> None:
    """`batches` says that there is none yet; for a script the list is empty."""
    told, listed = office("batches"), office("batches", "--json")
    assert (told.code, told.out.strip()) == (0, "The journal has no batches yet.")
    assert (listed.code, listed.json()) == (0, [])


# ---------------------------------------------------------------------------------------------------------------
# The sandbox, and `journal create`


def test_the_sandbox_makes_its_journal_and_no_folder(office: Office) -> None:
    """Play keeps nobody from being asked: only its file is made, where a folder is."""
    made = office("run", "billing.csv", "--sandbox", "--journal", "play.sqlite")
    assert (made.code, (office.home / "play.sqlite").stat().st_mode & 0o777) == (0, 0o600)
    assert "New journal" not in made.err
    before = office.files()
    for named in ("mnt/play.sqlite", "empty.sqlite", "other.sqlite", "letter.txt", "postgresql:/me@db/x"):
        assert office("run", "billing.csv", "--sandbox", "--journal", named).code == 2
    # The sandbox's own store is made before the journal is looked at.
    assert {name: content for name, content in office.files().items() if name in before} == before
    assert not (office.home / "mnt").exists()


@pytest.mark.parametrize("given", [(), ("-q",), ("--json",), ("--lang", "fr")])
def test_a_journal_is_made_aloud(office: Office, given: tuple[str, ...]) -> None:
    """`journal create` says what it made; it is private, and the run that named it goes on."""
    made = office("journal", "create", "new.sqlite", *given)
    journal = office.home / "new.sqlite"
    assert (made.code, made.err, journal.stat().st_mode & 0o777) == (0, "", 0o600)
    match given:
        case ("-q",):
            assert made.out == ""
        case ("--json",):
            assert made.json() == {"journal": str(journal), "exitCode": 0}
        case _:
            assert str(journal) in made.out
    assert office("journal", "check", "--journal", "new.sqlite").code == 0
    assert office("run", "billing.csv", "--dry-run", "--journal", "new.sqlite").code == 0


@pytest.mark.parametrize(
    ("named", "parts"), [case for name, case in PLACES.items() if name not in {"missing", "on a drive that is missing"}]
)
def test_a_journal_is_made_only_where_nothing_is(office: Office, named: str, parts: tuple[str, ...]) -> None:
    """What is there stays as it is: an empty file, another program's, a folder, or what is no place at all."""
    before = office.files()
    done = office("journal", "create", named)
    assert (done.code, office.files()) == (2, before)
    assert all(part in done.err for part in parts)


def test_a_journal_is_made_once_and_without_folders(office: Office) -> None:
    """A second one would be an empty memory; a folder that is missing may be a drive that is."""
    assert office("journal", "create", "new.sqlite").code == 0
    before = office.files()
    again, nowhere = office("journal", "create", "new.sqlite"), office("journal", "create", "mnt/new.sqlite")
    assert (again.code, "already" in again.err) == (2, True)
    assert (nowhere.code, "drive" in nowhere.err) == (2, True)
    assert office.files() == before


def test_a_journal_is_made_in_a_database(office: Office, tmp_path: Path) -> None:
    """On a server as in a file: made once, said without its password."""
    with place("postgresql", tmp_path / "server") as url:
        made, again = (office("journal", "create", url.replace("@", ":hunter2@")) for _ in range(2))
        assert (made.code, again.code) == (0, 2)
        assert url.replace("@", f":{MASK}@") in made.out
        assert "hunter2" not in made.out + again.err
        assert office("run", "billing.csv", "--dry-run", "--journal", url).code == 0


# ---------------------------------------------------------------------------------------------------------------
# A workbook that remembers more than the journal


@pytest.fixture
def asked(command: Command, standalone_sandbox: StandaloneSandbox) -> Office:
    """A batch that was run: its workbook lies beside the sheet, its journal at the default place."""
    office = Office(command, standalone_sandbox)
    assert office("run", "billing.csv", "--yes").code == 0
    return office


AGAIN = {**REHEARSING, "run": SENDING["run"]}


@pytest.mark.parametrize("args", AGAIN.values(), ids=AGAIN)
def test_a_workbook_with_requests_that_the_journal_does_not_know_stops_the_run(
    asked: Office, args: tuple[str, ...]
) -> None:
    """With an empty journal everyone would be asked again: refused with 3, the workbook, the count and the ways out."""
    assert asked("journal", "create", "wrong.sqlite").code == 0
    done = asked(*args, "--journal", "wrong.sqlite")
    told = " ".join((done.out + done.err).split())
    assert done.code == 3, done
    for part in ("billing.results.xlsx", "(3)", "wrong.sqlite", "--journal", "backup", "another folder"):
        assert part in told
    assert asked.witness.created() == {"R-1": 1, "R-2": 1, "R-3": 1}
    assert asked(*args).code in {0, 3 if args[0] == "plan" else 0}  # with its own journal it goes on


def test_a_journal_that_was_lost_is_not_begun_anew(asked: Office) -> None:
    """The default place is made when it is missing; the workbook knows that it was there."""
    (asked.command.data / "journal.sqlite").unlink()
    done = asked("run", "billing.csv", "--yes", "--json")
    assert (done.code, done.json()["error"]["code"]) == (3, "input")
    assert "has requests of batch billing that the journal" in done.json()["error"]["message"]
    assert str(asked.command.data / "journal.sqlite") in done.json()["errors"][0]["message"]
    assert asked("validate", "billing.csv").code == 3


@pytest.mark.parametrize(
    "name", ["billing.results (2).xlsx", "billing.sandbox.results.xlsx", "mine.xlsx", "mine (2).xlsx"]
)
def test_wherever_a_run_writes_its_workbook(asked: Office, name: str) -> None:
    """Under a number too, under the sandbox's name, and where -o points or pointed with a number."""
    (asked.home / "billing.results.xlsx").rename(asked.home / name)
    assert asked("journal", "create", "wrong.sqlite").code == 0
    done = asked("run", "billing.csv", "--yes", "--journal", "wrong.sqlite", "-o", "mine.xlsx")
    assert (done.code, name in done.err) == (3, True)


def test_a_workbook_of_french_words_is_read_as_well(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """The workbook speaks the language of the run that wrote it, the message that of the run that reads it."""
    office = Office(command, standalone_sandbox)
    assert office("run", "billing.csv", "--yes", "--lang", "fr").code == 0
    assert office("journal", "create", "wrong.sqlite").code == 0
    done = office("run", "billing.csv", "--yes", "--journal", "wrong.sqlite")
    assert (done.code, "(3): a run would" in done.err) == (3, True)
    done = office("run", "billing.csv", "--yes", "--journal", "wrong.sqlite", "--lang", "fr")
    assert (done.code, "(3) : une exécution" in done.err) == (3, True)


def test_a_workbook_given_back_to_another_journal_is_refused(asked: Office) -> None:
    """It names its batch itself, under whatever name: the journal that it goes on with must know its requests."""
    (asked.home / "billing.results.xlsx").rename(asked.home / "corrected.xlsx")
    assert asked("journal", "create", "wrong.sqlite").code == 0
    done = asked("run", "corrected.xlsx", "--yes", "--journal", "wrong.sqlite")
    assert (done.code, "corrected.xlsx" in done.err) == (3, True)


def test_workbooks_of_others_are_ignored(asked: Office) -> None:
    """Another batch, another environment, a damaged file, one that is not ours: they say nothing about this batch."""
    assert asked("journal", "create", "wrong.sqlite").code == 0
    workbook = asked.home / "billing.results.xlsx"
    again = ("run", "billing.csv", "--yes", "--journal", "wrong.sqlite", "-o", "out.xlsx", "--dry-run")
    assert asked(*again).code == 3
    assert asked(*again, "--batch", "another").code == 0
    assert asked(*again, env={"FLINKS_BASE_URL": "http://127.0.0.1:9"}).code == 0
    whole = workbook.read_bytes()
    for content in (b"", b"a letter", whole[: len(whole) // 2], _with_part(whole, "xl/worksheets/sheet2.xml", b"<row")):
        workbook.write_bytes(content)
        (asked.home / "out.xlsx").unlink(missing_ok=True)
        assert asked(*again).code == 0
    workbook.write_bytes(whole)
    assert asked(*again).code == 3


def _with_part(workbook: bytes, name: str, content: bytes) -> bytes:
    """The same workbook, still ours by its mark, with other bytes in one part."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
    return changed.getvalue()


def test_a_batch_whose_people_were_forgotten_is_no_lost_one(asked: Office) -> None:
    """A purge removes the ids of requests from the journal, not that they were made: the batch goes on."""
    with closing(sqlite3.connect(asked.command.data / "journal.sqlite")) as connection, connection:
        for table, column in (("runs", "started_at"), ("runs", "ended_at"), ("attempts", "intended_at")):
            connection.execute(f"UPDATE {table} SET {column} = '2020' || substr({column}, 5)")
        connection.execute("UPDATE attempts SET settled_at = '2020' || substr(settled_at, 5)")
        connection.execute("UPDATE batches SET created_at = '2020' || substr(created_at, 5)")
    assert asked("batches", "purge", "--before", "2021-01-01", "--yes").code == 0
    done = asked("run", "billing.csv", "--yes", "--batch", "billing", "--json")
    assert (done.code, done.json()["counts"]["already-created"]) == (0, 3)
