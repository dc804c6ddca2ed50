"""Notifications through Apprise, to a real server on loopback: when, what, and never with personal data."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.notify import MOST_FILES, RunEnd, notifier
from pipeline.config.settings import NOTIFY_VARIABLE, OCCASIONS, Settings
from pipeline.domain.errors import ExitCode, RunError, UsageError
from pipeline.domain.model import Status, Totals
from pipeline.messages import explain


class Desk(HTTPServer):
    """Takes what Apprise posts (`json://`), and answers with `status`."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"json://user:hunter2@127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def desk() -> Iterator[Desk]:
    server = Desk()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def totals(**counts: int) -> Totals:
    """Rows by status, each of 10 dollars."""
    named = {Status(name.replace("_", "-")): count for name, count in counts.items()}
    return Totals(
        {status: named.get(status, 0) for status in Status},
        {status: Decimal(10) * named.get(status, 0) for status in Status},
    )


def ended(code: ExitCode, name: str = "a.csv") -> RunEnd:
    return RunEnd(name, code, totals(created=2, invalid=1), "/drop/attention/a.results.xlsx")


def told(desk: Desk, *what: RunEnd, lang: str = "en", on: tuple[str, ...] = Settings().notify_on) -> bool | None:
    made = notifier(Settings(notify_on=on), {NOTIFY_VARIABLE: desk.url}, lang)  # type: ignore[arg-type]
    assert made is not None
    return made.tell(what)


BY_DEFAULT = {ExitCode.SOME_ROWS_NEED_FIXING, ExitCode.USAGE, ExitCode.INPUT, ExitCode.CREDENTIALS}
BY_DEFAULT |= {ExitCode.UNKNOWN_OUTCOME, ExitCode.BUG}


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_by_default_people_are_told_only_when_they_are_needed(desk: Desk, code: ExitCode) -> None:
    """Success, and what the next pass fixes by itself, wakes nobody."""
    arrived = told(desk, ended(code))
    assert (arrived, len(desk.messages)) == ((True, 1) if code in BY_DEFAULT else (None, 0))


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.BATCH_IS_BUSY])
def test_all_that_can_be_told_is_told_when_that_is_set(desk: Desk, code: ExitCode) -> None:
    """`notify_on` may name every occasion; a batch that another run holds is told by that run."""
    assert told(desk, ended(code), on=OCCASIONS) is True


def test_a_message_has_counts_totals_and_the_path_of_the_workbook(desk: Desk) -> None:
    """One message for all, with the counts and dollars of each and together, and what to open."""
    told(desk, ended(ExitCode.SOME_ROWS_NEED_FIXING), ended(ExitCode.UNKNOWN_OUTCOME, "b.csv"))
    [message] = desk.messages
    assert message["title"] == "flinks-import: files to review: 2"
    lines = message["message"].splitlines()
    assert lines[:4] == [
        "a.csv: some rows need your attention.",
        "  created: 2, $20.00",
        "  invalid: 1, $10.00",
        "  to open: /drop/attention/a.results.xlsx",
    ]
    assert lines[-3:] == ["Total:", "  created: 4, $40.00", "  invalid: 2, $20.00"]


def test_a_message_is_in_the_language_of_the_settings(desk: Desk) -> None:
    """In French too, amounts as French writes them."""
    told(desk, ended(ExitCode.SOME_ROWS_NEED_FIXING), lang="fr")
    assert "demandent votre attention" in desk.messages[0]["message"]
    assert "20,00" in desk.messages[0]["message"]


def test_a_bad_night_is_still_one_short_message(desk: Desk) -> None:
    """After so many files only the number of the others is told."""
    told(desk, *(ended(ExitCode.INPUT, f"f{number}.csv") for number in range(MOST_FILES + 5)))
    assert "and 5 more" in desk.messages[0]["message"]
    assert f"f{MOST_FILES}.csv" not in desk.messages[0]["message"]


@pytest.mark.parametrize("status", [403, 500])
def test_a_notification_that_fails_is_only_reported(desk: Desk, status: int, capfd: pytest.CaptureFixture[str]) -> None:
    """A server that refuses is no failure of the run; nothing of the URL is printed."""
    desk.status = status
    assert told(desk, ended(ExitCode.INPUT)) is False
    assert capfd.readouterr() == ("", "")


def test_a_server_that_is_not_there_is_only_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """No connection is no failure of the run either."""
    made = notifier(Settings(), {NOTIFY_VARIABLE: "json://user:hunter2@127.0.0.1:9/"}, "en")
    assert made.tell([ended(ExitCode.INPUT)]) is False
    assert capfd.readouterr() == ("", "")


def test_the_urls_come_from_the_variable_else_from_the_file(desk: Desk, tmp_path: Path) -> None:
    """Lines that begin with # and empty ones say nothing; the variable counts before the file."""
    path = tmp_path / "urls"
    path.write_text(f"# who is told\n\n{desk.url}\n", "utf-8")
    settings = Settings(notify_urls_file=str(path))
    assert notifier(settings, {}, "en").tell([ended(ExitCode.INPUT)]) is True
    assert notifier(settings, {NOTIFY_VARIABLE: "json://127.0.0.1:9/"}, "en").tell([ended(ExitCode.INPUT)]) is False
    assert notifier(Settings(), {}, "en") is None


MISTAKES = [
    ("a file that is not there", "gone", {}, "gone"),
    ("a URL of no service", "", {NOTIFY_VARIABLE: "nosuch://user:hunter2@host"}, NOTIFY_VARIABLE),
    ("a bad line of the file", "urls", {}, "urls:2"),
]


@pytest.mark.parametrize(
    ("file", "environ", "says"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_is_told_before_anything_is_sent_and_shows_no_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, environ: dict[str, str], says: str
) -> None:
    """Who would be told must be known at the start; a URL may hold a password, so only its place is shown."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "urls").write_text("json://127.0.0.1:9/\nnosuch://user:hunter2@host\n")
    sentence = refusal(Settings(notify_urls_file=file), environ)
    assert says in sentence
    assert "hunter2" not in sentence


def test_without_the_package_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `notify` brings Apprise; without it the start is refused, but only where URLs are set."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "flinks-import[notify]" in refusal(Settings(), {NOTIFY_VARIABLE: "json://127.0.0.1/"})
    assert notifier(Settings(), {}, "en") is None


SHEET = "Reference,First Name,Last Name,Email,Amount\nR-77,Zoé,Tremblay,zoe@example.com,250.00\n"


def inbox(home: Path, url: str) -> subprocess.CompletedProcess[str]:
    """One pass over a folder with a good file and two bad ones, in a process of its own."""
    drop = home / "drop"
    drop.mkdir()
    (drop / "good.csv").write_text(SHEET, "utf-8")
    (drop / "bad.csv").write_text(SHEET.replace("R-77", "R-78").replace("zoe@", "zoe@@"), "utf-8")
    (drop / "scan.pdf").write_bytes(b"%PDF-1.7\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLINKS_", "XDG_", "LC_"))}
    environment |= {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "LC_ALL": "C.UTF-8", NOTIFY_VARIABLE: url}
    line = [sys.executable, "-m", "pipeline", "inbox", "drop", "--sandbox", "--settle", "0", "--log-file", "log"]
    return subprocess.run(
        line, env=environment, cwd=home, capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def test_a_pass_tells_of_the_files_that_need_a_person_and_of_no_payor(desk: Desk, tmp_path: Path) -> None:
    """A night's pass sends one message: which files, what is in them, what to open; nothing of who pays."""
    done = inbox(tmp_path, desk.url)
    assert done.returncode == 3, done
    [message] = desk.messages
    text = message["message"]
    assert ("bad.csv" in text, "scan.pdf" in text, "good.csv" in text) == (True, True, False)
    assert "bad.results.xlsx" in text
    assert "invalid: 1, $250.00" in text
    for personal in ("Zoé", "Tremblay", "example.com", "R-78", "http"):
        assert personal not in text
    log = (tmp_path / "log").read_text("utf-8")
    assert '"notified"' in log
    assert "hunter2" not in log + done.stdout + done.stderr


def test_a_pass_is_not_touched_by_a_notification_that_fails(desk: Desk, tmp_path: Path) -> None:
    """The files go where they belong and the exit code is theirs; the failure stands in the log and is said."""
    desk.status = 500
    done = inbox(tmp_path, desk.url)
    assert (done.returncode, "was not delivered" in done.stderr) == (3, True)
    assert '"notification-failed"' in (tmp_path / "log").read_text("utf-8")
    assert len(list((tmp_path / "drop").glob("*/*/*.csv"))) == 2
    assert "hunter2" not in done.stdout + done.stderr


def refusal(settings: Settings, environ: dict[str, str]) -> str:
    with pytest.raises(UsageError) as caught:
        notifier(settings, environ, "en")
    failure: RunError = caught.value
    assert explain(failure, "fr") != explain(failure, "en")
    return explain(failure, "en")
