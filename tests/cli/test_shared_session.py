"""An API that gives one session to two payors: a link must not go to both as if all were well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from openpyxl import load_workbook
from support.command import Command

SESSION = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
SHEET = """Reference,First name,Last name,Email,Amount,Send link
S-1,Ana,Roy,ana@example.com,10,{link}
S-2,Ben,Roy,ben@example.com,20,{link}
"""


class Confused(BaseHTTPRequestHandler):
    """Answers every creation with one and the same session."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("authorize"):
            self._answer(200, {"access_token": "t", "token_type": "bearer", "expires_in": 599})
        else:
            self._answer(201, {"sessionId": SESSION, "referenceId": json.loads(body)["referenceId"]})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def confused() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Confused)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"FLINKS_BASE_URL": url, "FLINKS_USERNAME": "u", "FLINKS_PASSWORD": "p"}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("link", ["yes", "no"])
@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_one_session_is_not_given_to_two_payors(
    command: Command, confused: dict[str, str], link: str, concurrency: str
) -> None:
    """Of two rows that the API gives one session, one has it; the other is unknown and not sent again by itself."""
    sheet = command.home / "s.csv"
    sheet.write_text(SHEET.format(link=link), encoding="utf-8")
    arguments = ("run", sheet, "--yes", "--json", "--concurrency", concurrency)
    for counted in ("created", "already-created"):
        done = command(*arguments, env=confused)
        counts = done.json()["counts"]
        assert (done.code, counts[counted], counts["unknown"]) == (5, 1, 1)
        assert "sessionId of another row" in done.json()["errors"][0]["message"]
    results = load_workbook(command.home / "s.results.xlsx")["Results"]
    at = [cell.value for cell in results[1]].index("sessionId")
    assert sorted(str(row[at].value or "") for row in results.iter_rows(min_row=2)) == ["", SESSION]
