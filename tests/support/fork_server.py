"""Many processes, quickly: a process that has everything imported forks one for each command.

A fresh process spends more than a second on its imports, and the tests start some two thousand. What a fork server
starts is a process of its own all the same: its arguments, environment, folder, umask, pipes, signals and end are those
of `python -m pipeline`. What the imports themselves do, what Python reads at its start, and how it takes its modules
apart at its end, is no matter for a fork server: tests of that start the command afresh.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Any, NoReturn, Self

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "samples" / "billing-2026-11.xlsx"
AT_ITS_START = ("PYTHON", "LC_", "LANG", "LD_")
"""Variables that Python, or what it loads, reads when it starts."""
NUMBER = Struct("!q")
"""How a process id and an exit code are told."""


# ---------------------------------------------------------------------------------------------------------------
# For who asks


class Forked:
    """A process that a fork server has started; of `subprocess.Popen` what the tests need."""

    def __init__(self, line: Sequence[str], tells: socket.socket, out: int, err: int) -> None:
        self.args = line
        self.stdout = open(out, encoding="utf-8")  # noqa: SIM115 - closed when it has been read to its end
        self.stderr = open(err, encoding="utf-8")  # noqa: SIM115
        self.returncode: int | None = None
        self._tells = tells
        self._waiting = threading.Lock()  # a test may send signals from another thread
        self._read = {self.stdout: bytearray(), self.stderr: bytearray()}
        self.pid = NUMBER.unpack(tells.recv(NUMBER.size))[0]

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it lives."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, at most so many seconds."""
        with self._waiting:
            if self.returncode is None:
                if not select.select([self._tells], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                self.returncode = NUMBER.unpack(self._tells.recv(NUMBER.size))[0]
                self._tells.close()
            return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; returns what it wrote on standard output and standard error."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as open_ones:
            for stream in self._read:
                if not stream.closed:
                    open_ones.register(stream, selectors.EVENT_READ)
            while open_ones.get_map():
                ready = open_ones.select(None if deadline is None else max(0, deadline - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                for key, _ in ready:
                    if piece := os.read(key.fd, 65536):
                        self._read[key.fileobj] += piece
                    else:
                        open_ones.unregister(key.fileobj)
                        key.fileobj.close()
        self.wait(None if deadline is None else max(0, deadline - time.monotonic()))
        out, err = (io.TextIOWrapper(io.BytesIO(read), "utf-8").read() for read in self._read.values())
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still lives."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """Starts the command in a process of its own within milliseconds. A context manager.

    `environment` is what Python reads at its start, for all that it forks; `home` a folder for its own.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with this environment, started by whoever asks, would be as one of the fork server's."""
        return _at_its_start(environment) == _at_its_start(self.environment) and os.geteuid() == os.getuid()

    def start(
        self,
        args: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        stdin: int | None = None,
        terminal: int | None = None,
    ) -> Forked:
        """Start `flinks-import` with these arguments, exactly this environment, and this working folder.

        It reads `stdin`, or nothing; at a `terminal` all that it reads and says is there, and its pipes stay empty.
        """
        assert self.serves(environment)
        umask = os.umask(0)
        os.umask(umask)
        tells, theirs = socket.socketpair()
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        streams = [nothing if stdin is None else stdin, its_out, its_err] if terminal is None else [terminal] * 3
        socket.send_fds(self._orders, [b"!"], [theirs.fileno(), *streams])
        for ours in (nothing, its_out, its_err):
            os.close(ours)
        theirs.close()
        order = {"args": args, "environment": dict(environment), "folder": str(folder), "umask": umask}
        tells.sendall(json.dumps(order).encode() + b"\n")
        return Forked(args, tells, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait(120)


def _at_its_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_ITS_START)}


# ---------------------------------------------------------------------------------------------------------------
# In the process that forks


def _serve(orders: socket.socket) -> None:
    """Fork for each order somebody who sees to it, until whoever orders has gone."""
    busy: set[int] = set()
    while True:
        said, given, *_ = socket.recv_fds(orders, 1, 4)
        if not said:
            return
        pid = os.fork()
        if not pid:
            orders.close()
            _see_to(*given)
        for number in given:
            os.close(number)
        busy = {other for other in busy | {pid} if not os.waitpid(other, os.WNOHANG)[0]}


def _see_to(tells: int, *streams: int) -> NoReturn:
    """Fork the command, and tell its process id and, when it has ended, its exit code."""
    with socket.socket(fileno=tells) as answers:
        with answers.makefile(encoding="utf-8") as order:
            wanted = json.loads(order.readline())
        if pid := os.fork():
            for stream in streams:
                os.close(stream)
            answers.sendall(NUMBER.pack(pid))
            _, status = os.waitpid(pid, 0)
            with suppress(BrokenPipeError):  # whoever asked is not interested any more
                answers.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os._exit(0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(1):
        os.setsid()
        sys.stdout.reconfigure(line_buffering=True)
    try:
        _be_command(**wanted)
    except SystemExit as ended:
        _leave(ended)


def _be_command(args: list[str], environment: dict[str, str], folder: str, umask: int) -> NoReturn:
    """Be `python -m pipeline`."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.umask(umask)
    tempfile.tempdir = None
    time.tzset()
    sys.path[0] = folder
    sys.argv = ["pipeline", *args]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
    raise AssertionError("the command ends the process")


def _leave(ended: SystemExit) -> NoReturn:
    """End as Python does, but for the modules, which it takes apart: that costs more than the command itself."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect(1)  # what was made lately and forgotten complains now
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        raise ended from None  # let Python see to it
    os._exit(int(ended.code or 0))


def _import_everything() -> None:
    """Import what a run imports, early or late. No command is carried out in this process."""
    import pipeline  # noqa: PLC0415 - not by those who ask

    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _imported_by("run", str(SAMPLE), "--sandbox", "-q", "-o", "tried.xlsx", "--journal", "tried.sqlite"):
        if name != "__main__":
            with suppress(ImportError):  # a module that another one made up
                importlib.import_module(name)


def _make_what_is_kept() -> None:
    """Make here, once, what a command makes at its first sheet and keeps: tables of headings, the schema, locales."""
    from pipeline.reader import ReadOptions, open_table  # noqa: PLC0415 - as above
    from pipeline.validation import CheckOptions, check_table  # noqa: PLC0415
    from schemas.money import format_amount  # noqa: PLC0415

    table = open_table(SAMPLE.with_suffix(".csv"), ReadOptions())
    for chunk in check_table(table, CheckOptions()).chunks():
        for row in chunk:
            if row.amount is not None:
                format_amount(row.amount, "en")
                format_amount(row.amount, "fr")


def _imported_by(*args: str) -> list[str]:
    """The modules that a command has imported when it has ended."""
    listed = Path("imported.json")
    if pid := os.fork():
        os.waitpid(pid, 0)
        return json.loads(listed.read_text("utf-8"))
    os.dup2(1, 2)  # what it says is of no interest
    try:
        with suppress(SystemExit):
            _be_command([*args], dict(os.environ) | {"XDG_DATA_HOME": str(Path.cwd())}, str(Path.cwd()), 0o022)
    finally:
        listed.write_text(json.dumps([*sys.modules]), "utf-8")
        os._exit(0)


def _open(line: Sequence[Any]) -> None:
    with socket.socket(fileno=int(line[1])) as orders:
        _import_everything()
        _make_what_is_kept()
        gc.collect()
        gc.freeze()  # what is shared with those who are forked stays shared
        _serve(orders)


if __name__ == "__main__":
    _open(sys.argv)
