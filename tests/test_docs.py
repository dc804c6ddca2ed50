"""The documentation says what the program does: generated parts are up to date, and nothing is left out."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from pipeline.cli import COMMANDS, cli
from pipeline.domain.errors import ExitCode
from pipeline.domain.model import Status
from pipeline.sandbox.scenarios import markdown

REPOSITORY = Path(__file__).parents[1]
MARKDOWN = [
    path
    for path in (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"))
    if not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
]
README = (REPOSITORY / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def pages() -> dict[Path, str]:
    return runpy.run_path(str(REPOSITORY / "docs" / "make_docs.py"))["pages"]()


@pytest.mark.parametrize("name", ["README.md", "docs/commands.md", "docs/settings.md", "docs/fields.md"])
def test_the_generated_parts_are_up_to_date(pages: dict[Path, str], name: str) -> None:
    """What the program knows of itself stands in the documentation as it is now: else run `make docs`."""
    path = REPOSITORY / name
    assert path.read_text("utf-8") == pages[path]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    """A command or option without documentation is a failing test."""
    text = README + (REPOSITORY / "docs" / "commands.md").read_text("utf-8")
    command = cli.get_command(click.Context(cli), name)
    shown = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    options = {word for parameter in shown for word in parameter.opts}
    assert f"`{name}`" in README
    assert {option for option in options if option not in text} == set()


def test_every_status_and_exit_code_stands_in_the_readme() -> None:
    """Whoever meets a status or an exit code finds it in the README, in the program's own order."""
    assert re.findall(r"^\| `([a-z-]+)` \|.*\|.*\|$", README, re.MULTILINE) == [status.value for status in Status]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == [
        code.value for code in ExitCode
    ]


def test_every_scenario_reference_is_documented() -> None:
    """The table of scenario references is the sandbox's own."""
    assert markdown() in (REPOSITORY / "docs" / "sandbox.md").read_text("utf-8")


def test_the_schema_is_shown_as_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ten lines that a colleague copies run as they stand, and print what the page says."""
    page = (REPOSITORY / "docs" / "schema.md").read_text("utf-8")
    code, sheet, printed = (
        re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "csv", "text")
    )
    (tmp_path / "payments.csv").write_text(sheet, "utf-8")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == printed
    assert len([line for line in code.splitlines() if line]) <= 10


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    """A link from one page to another, to a folder or a picture, leads to something that exists."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
    files = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in files if not (path.parent / link).exists()] == []


def test_every_path_in_the_guide_for_contributors_exists() -> None:
    """A module that moves takes its line in CONTRIBUTING.md with it."""
    quoted = re.findall(r"`([\w./-]+)`", (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"))
    paths = {name for name in quoted if "/" in name or name.endswith((".md", ".toml", ".yaml"))}
    assert len(paths) > 40
    assert {name for name in paths if not (REPOSITORY / name).exists()} == set()


@pytest.mark.skipif(shutil.which("git") is None or not (REPOSITORY / ".git").exists(), reason="needs a git checkout")
def test_every_file_can_be_checked_out_on_windows() -> None:
    """No name has a character that Windows refuses: one such file, and nobody there can check out anything."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert len(names) > 1000
    assert [name for name in names.split("\0") if re.search(r'[:*?"<>|\\\x01-\x1f]|[. ](?:/|$)', name)] == []


@pytest.mark.parametrize("picture", sorted((REPOSITORY / "docs" / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture: Path) -> None:
    """A picture costs a reader less than 150 kB, and one that no page shows is not there."""
    assert picture.stat().st_size < 150_000
    assert any(f"images/{picture.name}" in page.read_text("utf-8") for page in MARKDOWN)
