"""Starting and ending the page: the port, the one-use address, a second start, Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from pipeline.commands.environment import built_in_sandbox
from pipeline.config.settings import data_folder
from pipeline.domain.errors import ExitCode, UsageError
from pipeline.messages import N_, Message
from pipeline.system.loopback import HOST, HOST_6, listening
from pipeline.system.web_server import WebServer
from pipeline.web.access import Access
from pipeline.web.application import application
from pipeline.web.jobs import Jobs
from pipeline.web.visit import Options, Site
from schemas.languages import Lang

_SECONDS: Final = 3
"""How long a second start waits for the first."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the page was asked for. `port` 0 is any that is free."""

    options: Options
    port: int = 0
    open_browser: bool = True
    lang: Lang = "en"


def serve(
    start: Start, announce: Callable[[str], None], write_report: Callable[[BaseException], Path | None]
) -> ExitCode:
    """Serve the page until Ctrl-C; then end what works, as Ctrl-C ends a run.

    `write_report` writes a report of a fault of the program; None where it can't.
    `announce` is called once with the one-use address, as soon as the page answers. A second start for the same
    settings gives an address of the page that runs, and ends. Raises UsageError when the port is taken.
    """
    folder = _private(data_folder() / "web")
    note = folder / f"{_name_of(start)}.json"
    if (address := _address_of_running(note)) is not None:
        announce(address)
        if start.open_browser:
            _open(address, folder)
        return ExitCode.DONE
    report_fault = partial(_reported, write_report)
    with ExitStack() as stack:
        sockets = _listening(start.port, stack)
        port = sockets[0].getsockname()[1]
        access = Access(port)

        def started() -> None:
            _leave_note(note, port, access.owner_secret)
            address = f"http://{HOST}:{port}/#{access.new_key()}"
            announce(address)
            if start.open_browser:
                _open(address, folder)

        sandbox = stack.enter_context(built_in_sandbox(start.lang)).base_url
        site = Site(start.options, folder, Jobs(report_fault), report_fault, start.lang, sandbox=sandbox)
        stack.callback(_forget, note, access.owner_secret)
        WebServer(application(site, access), started).run(sockets=sockets)
        return ExitCode.STOPPED_EARLY if site.jobs.end() else ExitCode.DONE


def _reported(write_report: Callable[[BaseException], Path | None], error: BaseException) -> Message:
    """Write a report of a fault of the program; what a page says of it."""
    path, kind = write_report(error), type(error).__name__
    if path is None:
        return Message(N_("The program has an error of its own ({kind}). Nothing is lost: go on."), {"kind": kind})
    return Message(
        N_(
            "The program has an error of its own ({kind}). Nothing is lost: go on. A report without personal data is "
            "in {path}. Send it to who looks after the program."
        ),
        {"kind": kind, "path": path},
    )


def _listening(port: int, stack: ExitStack) -> list[socket.socket]:
    """The loopback addresses at one port, and nothing else. Raises UsageError when it is taken."""
    sockets = []
    try:
        sockets.append(listening(port))
    except OSError as error:
        raise UsageError(
            "Port {port} can't be used ({error}). Choose another one with --port, or leave it out.",
            port=port,
            error=error.strerror or type(error).__name__,
        ) from None
    stack.callback(sockets[0].close)
    with suppress(OSError):  # a machine without IPv6, or a port that is taken there
        sockets.append(listening(sockets[0].getsockname()[1], HOST_6))
        stack.callback(sockets[1].close)
    return sockets


# ---------------------------------------------------------------------------------------------------------------
# A second start


def _name_of(start: Start) -> str:
    """Pages for other settings are other pages, but for their language."""
    options = start.options
    told = (options.settings.get("journal"), str(options.config), options.profile, options.practice_only)
    return sha256(repr(told).encode()).hexdigest()[:16]


def _leave_note(note: Path, port: int, secret: str) -> None:
    """Where the page answers, and what only its user may know: the file is its owner's alone."""
    part = note.with_suffix(".part")
    with suppress(FileNotFoundError):
        part.unlink()
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump({"port": port, "secret": secret}, file)
    part.replace(note)


def _forget(note: Path, secret: str) -> None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(note.read_text())["secret"] == secret:
            note.unlink()


def _address_of_running(note: Path) -> str | None:
    """A one-use address of the page that runs already, if one does."""
    try:
        told = json.loads(note.read_text())
        port, secret = int(told["port"]), str(told["secret"])
        connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", "/key", headers={"x-flinks-import-owner": secret, "content-length": "0"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                return None
            key = str(json.loads(response.read())["key"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    return f"http://{HOST}:{port}/#{key}"


# ---------------------------------------------------------------------------------------------------------------
# The browser


def _open(address: str, folder: Path) -> None:
    """Open the browser at the address.

    By way of a file that only its owner can read: what is in the arguments of a process everybody on the machine can.
    """
    for old in folder.glob("open-*.html"):
        old.unlink(missing_ok=True)
    page = folder / f"open-{os.getpid()}.html"
    go = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    text = f'<!doctype html><meta charset="utf-8"><title>flinks-import</title>{go}'
    with os.fdopen(os.open(page, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    threading.Thread(target=_browse, args=(page.as_uri(),), daemon=True).start()


def _browse(address: str) -> None:
    with suppress(Exception):  # no browser: the address was printed
        webbrowser.open(address)


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            "Can't use the folder {path} ({error}). Check that you can write there.",
            path=folder,
            error=error.strerror,
        ) from None
    return folder
