"""LibreOffice in the tests: files are converted, filled in and merged by the real program, without a window.

Where it is missing the tests that need it are left out; in CI (`CI=true`) they fail instead.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

OFFICE = shutil.which("soffice")
_SCRIPT = Path(__file__).with_name("libreoffice_script.py")


@cache
def python_with_uno() -> str | None:
    """A Python that can talk to LibreOffice: its own, or one on the path that has the module `uno`."""
    folders = [Path(OFFICE).resolve().parent] if OFFICE else []
    folders += [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for candidate in (folder / name for folder in folders for name in ("python", "python3")):
        tried = candidate.exists() and subprocess.run([candidate, "-c", "import uno"], capture_output=True, check=False)
        if tried and tried.returncode == 0:
            return str(candidate)
    return None


needs_office = pytest.mark.skipif(OFFICE is None and not os.environ.get("CI"), reason="LibreOffice is not installed")
needs_uno = pytest.mark.skipif(
    (OFFICE is None or python_with_uno() is None) and not os.environ.get("CI"),
    reason="LibreOffice or its Python bridge (uno) is not installed",
)


def can_merge() -> bool:
    """Whether this LibreOffice has what a mail merge takes: Writer, Base, and spreadsheets as data sources."""
    program = Path(OFFICE).resolve().parent if OFFICE else Path("nowhere")
    parts = all(any(program.glob(f"lib{part}lo.*")) for part in ("sw", "dbaxml", "calc"))
    return parts and python_with_uno() is not None


needs_merge = pytest.mark.skipif(
    not can_merge() and not os.environ.get("CI"),
    reason="LibreOffice Writer, Base or its Python bridge (uno) is not installed",
)


def convert(path: Path, form: str, folder: Path) -> None:
    """Converts a file as `soffice --convert-to` does; what comes of it stands in `folder`."""
    assert OFFICE is not None, "CI needs LibreOffice"
    command: list[Any] = [OFFICE, _profile(folder), "--headless", "--convert-to", form, "--outdir", folder, path]
    subprocess.run(command, check=True, capture_output=True, timeout=100)


def by_hand(home: Path, action: str, **wanted: Any) -> None:
    """Does in LibreOffice what a person would do (`libreoffice_script.py` tells which actions there are)."""
    python = python_with_uno()
    assert OFFICE is not None, "CI needs LibreOffice"
    assert python is not None, "CI needs the Python bridge of LibreOffice"
    pipe = f"flinks{os.getpid()}x{time.monotonic_ns()}"
    accept = f"--accept=pipe,name={pipe};urp;"
    office = subprocess.Popen(
        [OFFICE, _profile(home), "--headless", "--norestore", "--nologo", accept],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        subprocess.run(
            [python, _SCRIPT, pipe, action, json.dumps(wanted, default=str)],
            check=True,
            capture_output=True,
            timeout=90,
        )
    except subprocess.CalledProcessError as error:
        raise AssertionError(error.stderr.decode(errors="replace")) from error
    finally:
        try:
            office.wait(timeout=120)
        except subprocess.TimeoutExpired:
            office.kill()
            office.wait()


def _profile(folder: Path) -> str:
    return f"-env:UserInstallation={(folder / 'office-profile').as_uri()}"
