"""An API as far as `doctor` speaks to it: the time and a token, right or wrong as a test wants."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

TLS = Path(__file__).parent / "tls"


class Host(ThreadingHTTPServer):
    """An API as far as the doctor speaks to it; `asked` are the calls that came."""

    def __init__(
        self,
        *,
        ahead: float = 0,
        date: str = "",
        forms: tuple[str, ...] = ("basic", "form"),
        authorize: int = 200,
    ) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.ahead = ahead
        self.date = date
        self.forms = forms
        self.authorize = authorize
        self.asked: list[str] = []


class Answering(BaseHTTPRequestHandler):
    """One connection to it."""

    server: Host
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def date_time_string(self, _: float | None = None) -> str:
        return self.server.date or formatdate(time.time() + self.server.ahead, usegmt=True)

    def do_HEAD(self) -> None:
        self._answer(404, b"")

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        sent = "basic" if self.headers["Authorization"] else "form"
        assert sent == "basic" or body["Password"] == ["hunter2"]
        if self.server.authorize != 200:
            self._answer(self.server.authorize, b"")
        elif sent in self.server.forms:
            self._answer(200, b'{"access_token": "t0ken", "token_type": "bearer", "expires_in": 599}')
        else:
            self._answer(401, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(certificate: Path | None = None, **how: Any) -> Iterator[tuple[str, Host]]:
    """Such a host on a free port, with its base URL."""
    host = Host(**how)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, TLS / "key.pem")
        host.socket = context.wrap_socket(host.socket, server_side=True)
        host.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that does not like the certificate goes
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{host.server_port}", host
    finally:
        host.shutdown()
        host.server_close()
