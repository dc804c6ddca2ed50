"""A plain `run` tells a person who is not here, when the settings say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from support.command import Command

HEADINGS = "Reference,First name,Last name,Email,Amount\n"
GOOD = "N-1,Zoé,Tremblay,zoe@example.com,250\n"
BAD = "N-2,Liam,Fraser,liam@@example.com,10\n"


class Mailbox:
    """Takes the messages that are posted to it, or refuses them."""

    def __init__(self, status: int) -> None:
        self.messages: list[dict] = []
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                box.messages.append(json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def env(self) -> dict[str, str]:
        return {"FLINKS_IMPORT_NOTIFY_URLS": f"json://127.0.0.1:{self.server.server_address[1]}"}


@pytest.fixture(params=[200])
def mailbox(request: pytest.FixtureRequest) -> Iterator[Mailbox]:
    box = Mailbox(request.param)
    yield box
    box.server.shutdown()
    box.server.server_close()


def sheet(home: Path, *rows: str) -> Path:
    path = home / "rent.csv"
    path.write_text(HEADINGS + "".join(rows), encoding="utf-8")
    return path


def test_a_person_is_told_when_rows_need_fixing_and_the_message_names_nobody(
    command: Command, mailbox: Mailbox
) -> None:
    """The message has counts and totals, and no personal data."""
    done = command("run", sheet(command.home, GOOD, BAD), "--sandbox", env=mailbox.env)
    assert done.code == 1
    (message,) = mailbox.messages
    text = json.dumps(message, ensure_ascii=False)
    assert "created: 1, $250.00" in text
    assert "invalid: 1, $10.00" in text
    assert not any(value in text for value in ("Tremblay", "Zoé", "example.com", "N-1"))


def test_nobody_is_told_about_success(command: Command, mailbox: Mailbox) -> None:
    """A run after which nobody is needed sends nothing."""
    assert command("run", sheet(command.home, GOOD), "--sandbox", env=mailbox.env).code == 0
    assert mailbox.messages == []


@pytest.mark.parametrize("mailbox", [500], indirect=True, ids=["a service that fails"])
def test_a_notification_that_fails_does_not_fail_the_run(command: Command, mailbox: Mailbox) -> None:
    """The exit code is the run's own, and that nobody was told is said."""
    done = command("run", sheet(command.home, GOOD, BAD), "--sandbox", env=mailbox.env)
    assert done.code == 1
    assert "notification" in done.err.casefold()
