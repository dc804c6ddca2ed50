"""The peers: what people would use instead, each in an environment of its own, made when it is first needed.

`peers.txt` pins them; nothing of them is in our lock. What needs a newer Python than ours is looked for on PATH, or
where BENCH_PEERS_PYTHON points, and left out with a line when there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measuring import REPOSITORY

PLACE: Final = REPOSITORY / ".bench-venv"
PINS: Final = REPOSITORY / "benchmarks" / "peers.txt"
HERE: Final = Path(__file__).parent
_NEWER: Final = ("python3.13", "python3.12", "python3.14")
_OF_NEWER: Final = ("bulk-post",)
_BODY: Final = (
    '{"type": "e-Transfer", "direction": "DEBIT", "currency": "CAD", "amount": {{Amount}}, '
    '"referenceId": "{{Invoice #}}", "payor": {"firstName": "{{First name}}", "lastName": "{{Last name}}", '
    '"email": "{{Email}}"}}'
)

Line = Callable[[Path, str, Path], Sequence[str | Path]]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer; `line` is its command for a sheet, a base URL and a folder to write in."""

    name: str
    line: Line


def available() -> list[Peer]:
    """Every peer that this machine can run."""
    ours = _environment("same", sys.executable, [pin for pin in _pins() if not pin.startswith(_OF_NEWER)])
    found = [
        Peer(
            "a colleague's script",
            lambda sheet, url, folder: [ours / "python", HERE / "colleague.py", sheet, url, folder / "colleague.xlsx"],
        ),
        Peer(
            "csv2http",
            lambda sheet, url, _: [
                ours / "csv2http", sheet, f"{url}/api/v2/sessions", "-c", "25", "-n",
                "-H", "Authorization:Bearer bench",  # it takes no blank behind the colon
            ],
        ),
    ]  # fmt: skip
    newer = _newer_python()
    if newer is None:
        print("  bulk-post is left out: it needs Python 3.12 or newer on PATH, or BENCH_PEERS_PYTHON")
        return found
    theirs = _environment("newer", newer, [pin for pin in _pins() if pin.startswith(_OF_NEWER)])
    found.append(
        Peer(
            "bulk-post",
            lambda sheet, url, folder: [
                theirs / "bulk-post", "--csv", sheet, "--url", f"{url}/api/v2/sessions", "--body", _BODY, "--parallel",
                "--concurrency-level", "25", "-a", "bearer", "-t", "bench", "-r", folder / "failed.csv",
            ],
        )
    )  # fmt: skip
    return found


def frictionless(sheet: Path) -> Sequence[str | Path]:
    """The command by which frictionless validates a sheet with the limits of ours that it can express."""
    ours = _environment("same", sys.executable, [pin for pin in _pins() if not pin.startswith(_OF_NEWER)])
    return [ours / "python", HERE / "frictionless_check.py", sheet]


def _pins() -> list[str]:
    return [line for line in PINS.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _newer_python() -> str | None:
    named = os.environ.get("BENCH_PEERS_PYTHON")
    return named or next((path for name in _NEWER if (path := shutil.which(name)) and _runs(path)), None)


def _runs(python: str) -> bool:
    """Whether it is more than a name: version managers put stubs on PATH for what is not chosen."""
    return subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode == 0  # noqa: S603 - found on PATH


def _environment(name: str, python: str, pins: Sequence[str]) -> Path:
    """The folder of an environment's commands; made on demand, and again when its pins changed."""
    place = PLACE / name
    commands = place / ("Scripts" if os.name == "nt" else "bin")
    stamp, wanted = place / "pins.txt", "\n".join(pins)
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        print(f"  making {place.relative_to(REPOSITORY)} with {', '.join(pins)}")
        PLACE.mkdir(exist_ok=True)
        (PLACE / ".gitignore").write_text("*\n", "utf-8")
        subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)  # noqa: S603 - what the bench put together
        install = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
        subprocess.run(install, check=True)  # noqa: S603 - as above
        stamp.write_text(wanted, "utf-8")
    return commands
