"""What the sandbox remembers: an append-only file of JSON lines, one for each thing that happened.

A line is written with one write(2) before its answer leaves, so a killed process loses nothing that it had said. There
is no fsync: the promise is about the process, not about the power. Only the loop's thread may use a store.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from pipeline.sandbox.session import PayorDecision, SandboxSession


@dataclass(frozen=True, slots=True)
class Received:
    """A request that arrived. `reference_id` is that of a create, when its body had one."""

    at: datetime
    method: str
    path: str
    reference_id: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The payor opened the hosted page for the first time."""

    session_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """The payor, or the client by `cancel`, decided about a session."""

    session_id: str
    decision: PayorDecision


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file: exactly one of these."""

    received: Received | None = None
    created: SandboxSession | None = None
    opened: Opened | None = None
    decided: Decided | None = None


class Store:
    """The sessions by id, the counts by referenceId, and the file that they come from.

    created, received: sessions created and creates received for each referenceId ("" when it had none).
    unreadable_lines: damaged lines of the file that were passed over.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or make the file (readable by its owner only); None keeps everything in memory. Raises OSError."""
        self.created: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.unreadable_lines = 0
        self._sessions: dict[str, SandboxSession] = {}
        self._file = None if path is None else self._open(path)

    def session(self, session_id: str) -> SandboxSession | None:
        """The session of this id, in any spelling of the UUID's case."""
        return self._sessions.get(session_id.lower())

    def sessions(self) -> Iterable[SandboxSession]:
        """Every session, oldest first."""
        return self._sessions.values()

    def record(self, event: Received | SandboxSession | Opened | Decided) -> None:
        """Write an event down and take it into account. Raises OSError when it can't be written."""
        line = _line(event)
        if self._file is not None:
            _write_whole(self._file, msgspec.json.encode(line) + b"\n")
        self._apply(line)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(file, 0o600)
        content = path.read_bytes()
        # What stands behind the last newline was being written when the process was killed: nobody was told of it.
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(file, whole)
        for line in content[:whole].splitlines():
            try:
                self._apply(_DECODER.decode(line))
            except (msgspec.MsgspecError, KeyError):
                self.unreadable_lines += 1
        return file

    def _apply(self, line: _Line) -> None:
        if line.received is not None and line.received.method == "POST" and line.received.path == "/api/v2/sessions":
            self.received[line.received.reference_id or ""] += 1
        if line.created is not None:
            self._sessions[line.created.session_id] = line.created
            self.created[line.created.reference_id or ""] += 1
        if line.opened is not None:
            opened = self._sessions[line.opened.session_id]
            self._sessions[line.opened.session_id] = replace(opened, opened_at=line.opened.at)
        if line.decided is not None:
            decided = self._sessions[line.decided.session_id]
            self._sessions[line.decided.session_id] = replace(decided, decision=line.decided.decision)


_DECODER = msgspec.json.Decoder(_Line)


def _line(event: Received | SandboxSession | Opened | Decided) -> _Line:
    match event:
        case Received():
            return _Line(received=event)
        case SandboxSession():
            return _Line(created=event)
        case Opened():
            return _Line(opened=event)
        case Decided():
            return _Line(decided=event)


def _write_whole(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
