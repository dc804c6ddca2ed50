"""The two commands that do everything, as far as they are cheap to try: no environment is made anew here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import Command

REPOSITORY = Path(__file__).parents[2]
MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words: str) -> subprocess.CompletedProcess:
    """Run make here, in a checkout that is set up."""
    line = ["make", "--no-print-directory", *words]
    return subprocess.run(line, cwd=REPOSITORY, capture_output=True, encoding="utf-8", timeout=280, check=False)


def test_make_alone_lists_every_target_with_a_line() -> None:
    """Whoever types `make` sees what there is to type next."""
    targets = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    done = make()
    assert done.returncode == 0
    assert {line.split()[1] for line in done.stdout.splitlines()} == targets
    assert all(len(line.split()) > 3 for line in done.stdout.splitlines())


@pytest.fixture
def apart(command: Command, tmp_path: Path) -> dict[str, Any]:
    """make's own environment: the user's journal and the checkout's `out` folder are left alone."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("Makefile", "samples", "pipeline", "schemas", "requirements.lock", "pyproject.toml"):
        (copy / name).symlink_to(REPOSITORY / name)
    (copy / ".venv").mkdir()
    (copy / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (copy / ".venv" / ".installed").touch()
    return {"cwd": copy, "env": command.environment}


def test_make_run_ends_with_the_path_of_the_workbook(apart: dict[str, Any]) -> None:
    """`make run` sends the sample to the sandbox, says where the workbook is, and succeeds; twice over."""
    for status in ("created", "already-created"):
        line = ["make", "--no-print-directory", "run"]
        done = subprocess.run(line, **apart, capture_output=True, encoding="utf-8", timeout=280, check=False)
        assert done.returncode == 0, done
        assert "Workbook: out/billing-2026-11.results.xlsx" in done.stdout.splitlines()
        assert (apart["cwd"] / "out" / "billing-2026-11.results.xlsx").is_file()
        assert re.search(rf"^{status} +47 ", done.stdout, re.MULTILINE)


def test_ci_runs_the_commands_of_the_makefile() -> None:
    """What is checked elsewhere is what a person checks here, and the last thing shown is pytest's last line."""
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").splitlines()[-3:] == ["make check", "make coverage", "make test"]
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
