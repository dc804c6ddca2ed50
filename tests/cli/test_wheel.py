"""The wheel: everything the program needs is inside, nothing else is, and it runs from it alone."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import click
import pytest
from support.command import Command
from support.fork_server import REPOSITORY

from schemas.languages import Lang

PACKAGES = ("pipeline", "schemas")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources as they are, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed."""
    target = tmp_path_factory.mktemp("installed")
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check", "--target")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, target, wheel], check=True, capture_output=True)
    return target


def test_every_file_of_the_packages_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    """Texts, aliases, faults and pages travel with the code; tests, samples and caches stay at home."""
    wanted = {
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == wanted
    catalogues = {f"pipeline/messages/locale/{name}.mo" for name in ("fr/LC_MESSAGES/messages", "en/LC_MESSAGES/pages")}
    assert catalogues | {"schemas/aliases.toml", "schemas/faults.toml"} <= inside
    assert {"pipeline/py.typed", "schemas/py.typed"} <= inside  # mypy trusts the annotations of an installed package


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dependency_brings_a_package_of_this_name(package: str) -> None:
    """The names are common ones (docs/decisions/0014-package-names.md): what is locked beside them has others."""
    assert {*packages_distributions().get(package, ())} <= {"flinks-import"}


def test_the_wheel_names_its_command_and_what_it_needs(wheel: Path) -> None:
    """pipx finds the command `flinks-import`, and pip the extras."""
    archive = ZipFile(wheel)
    read = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    assert "flinks-import = pipeline.cli:main" in read["entry_points.txt"]
    extras = {line.split(": ")[1] for line in read["METADATA"].splitlines() if line.startswith("Provides-Extra")}
    assert extras == {"postgres", "keyring", "parquet", "notify", "dask"}


@pytest.fixture
def alone(command: Command, installed: Path) -> Command:
    """The command, from the installed wheel: the sources can't be seen from where it runs."""
    command.environment["PYTHONPATH"] = str(installed)
    command.environment["PYTHONSAFEPATH"] = "1"
    where = [sys.executable, "-c", "import pipeline, schemas; print(pipeline.__file__, schemas.__file__)"]
    found = subprocess.run(where, env=command.environment, cwd=command.home, capture_output=True, check=True)
    assert found.stdout.decode().count(str(installed)) == 2
    return command


@pytest.mark.parametrize(("option", "says"), [("--version", "flinks-import 0."), ("--help", "Who has paid:")])
def test_the_installed_wheel_answers(alone: Command, option: str, says: str) -> None:
    """What is asked first works from the wheel alone."""
    done = alone(option)
    assert (done.code, says in done.out) == (0, True)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_installed_wheel_imports_a_sheet(alone: Command, lang: Lang) -> None:
    """A whole run against the built-in sandbox, sentences and workbook included, needs nothing from the sources."""
    sheet = alone.home / "a.csv"
    sheet.write_text("Reference,First Name,Last Name,Email,Amount\nA-1,Zoé,Roy,zoe@example.com,1.00\n", "utf-8")
    done = alone("run", sheet, "--sandbox", "--json", "--lang", lang)
    assert (done.code, done.json()["counts"]["created"]) == (0, 1), done
    assert (alone.home / "a.sandbox.results.xlsx").is_file()


@pytest.fixture
def never_installed(command: Command, tmp_path: Path) -> list[str]:
    """The line of a Python that sees the sources and every package that they need, but no record of an installation."""
    seen = tmp_path / "packages"
    seen.mkdir()
    for entry in Path(click.__file__).parents[1].iterdir():
        if not entry.name.startswith(("flinks_import", "_editable_impl")):
            (seen / entry.name).symlink_to(entry)
    command.environment |= {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(seen))), "TMPDIR": str(command.home)}
    return [sys.executable, "-S"]


def test_a_fault_is_reported_by_sources_that_were_never_installed(command: Command, never_installed: list[str]) -> None:
    """A report without the program's version is better than none, and than a traceback of the reporter."""
    crash = "from pipeline.cli.crash_report import report_bug; report_bug(ValueError())"
    line = [*never_installed, "-c", crash]
    done = subprocess.run(line, env=command.environment, cwd=command.home, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    [report] = command.home.glob("flinks-import-*.report.txt")
    assert report.read_text("utf-8").startswith("flinks-import unknown version, Python 3.")


@pytest.mark.parametrize(
    ("words", "says"), [(["--version"], "unknown version"), (["doctor"], "unknown version, Python")]
)
def test_sources_that_were_never_installed_say_so(
    command: Command, never_installed: list[str], words: list[str], says: str
) -> None:
    """What a person asks for help with answers all the same."""
    line = [*never_installed, "-m", "pipeline", *words]
    done = subprocess.run(line, env=command.environment, cwd=command.home, capture_output=True, check=False)
    assert f"flinks-import {says}" in done.stdout.decode()
    assert b"error of its own" not in done.stderr


def test_the_wheel_has_no_path_of_the_machine_that_built_it(wheel: Path) -> None:
    """Nothing inside tells where it was made."""
    archive = ZipFile(wheel)
    for name in archive.namelist():
        assert os.fsencode(REPOSITORY) not in archive.read(name)
