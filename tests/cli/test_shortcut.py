"""`web --install-shortcut`: an entry that opens the page, whatever stands in its options."""

import configparser
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from support.command import Command

from pipeline.commands.shortcut import install
from pipeline.domain.errors import UsageError

HOSTILE = 'j "a" $HOME `id` \\ %f 100%.sqlite'


def arguments_of(entry: Path) -> list[str]:
    """The command of a desktop entry, as a desktop reads it: string escapes, then quotes, then field codes."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(entry.read_text())
    value = parser["Desktop Entry"]["Exec"].replace("\\\\", "\\")
    quoted = re.findall(r'"((?:\\.|[^"\\])*)"', value)
    assert " ".join(f'"{one}"' for one in quoted) == value
    return [re.sub(r"\\(.)", r"\1", one).replace("%%", "%") for one in quoted]


def test_the_entry_opens_the_page_with_the_same_options(command: Command) -> None:
    """Run as a desktop runs it, from another folder; a second time it is written over."""
    journal = command.home / HOSTILE
    assert command("journal", "create", journal).code == 0
    for _ in range(2):
        done = command("web", "--install-shortcut", "--sandbox", "--journal", journal, "--lang", "fr")
        place = Path(done.out.strip())
        assert (done.code, place) == (0, command.home / "data" / "applications" / "flinks-import.desktop")
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    line = arguments_of(place)
    assert line[-5:] == ["--journal", str(journal), "--lang", "fr", "--sandbox"]
    environment = command.environment | {"PYTHONSAFEPATH": "", "BROWSER": "true"}
    process = subprocess.Popen(line, env=environment, cwd="/", stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert "Comment[fr]=Ouvrir la page des demandes de paiement" in place.read_text()


def test_paths_count_from_everywhere(command: Command) -> None:
    """A journal or a settings file that was named from this folder."""
    (command.home / "mine.toml").write_text("")
    assert command("web", "--install-shortcut", "--journal", "team.sqlite", "--config", "mine.toml").code == 0
    line = arguments_of(command.home / "data" / "applications" / "flinks-import.desktop")
    assert line[-4:] == [
        *("--journal", str(command.home / "team.sqlite")),
        *("--config", str(command.home / "mine.toml")),
    ]


def test_on_macos_it_is_a_script_on_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which only its owner's shell reads; what stands in an option is one argument."""
    monkeypatch.setenv("HOME", str(tmp_path))
    place = install(["--journal", HOSTILE], os.environ, "darwin")
    assert place == tmp_path / "Desktop" / "flinks-import.command"
    assert place.stat().st_mode & stat.S_IXUSR
    shell, run = place.read_text().splitlines()
    assert (shell, shlex.split(run)[-2:]) == ("#!/bin/sh", ["--journal", HOSTILE])


@pytest.mark.parametrize(("arguments", "system"), [(["--journal", "a\nb"], "linux"), ([], "win32")])
def test_where_none_can_be_written_that_is_told(arguments: list[str], system: str) -> None:
    """A line break ends a line of an entry; Windows has no entry that a text file can be."""
    with pytest.raises(UsageError):
        install(arguments, {}, system)


def test_a_place_without_write_access_is_told(command: Command) -> None:
    """One sentence, exit code 2."""
    blocked = command.home / "data" / "applications"
    blocked.parent.mkdir()
    blocked.write_text("")
    done = command("web", "--install-shortcut")
    assert (done.code, "Can't write" in done.err, "Traceback" in done.err) == (2, True, False)
