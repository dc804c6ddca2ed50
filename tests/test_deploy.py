"""What lies in deploy/ and the Dockerfile: as far as it can be tried here, it is tried."""

import configparser
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import pytest

from pipeline.cli import cli
from pipeline.domain.errors import ExitCode

REPOSITORY = Path(__file__).parents[1]
DEPLOY = REPOSITORY / "deploy"
UNITS = ["flinks-import.service", "flinks-import.timer", "flinks-import-watch.service"]
SERVICES = [unit for unit in UNITS if unit.endswith(".service")]
INSTALLED = "/opt/flinks-import/bin/flinks-import"
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text("utf-8"))
    return parser


def arguments(line: str) -> list[str]:
    """The words behind the command in a line, as a shell or the scheduler splits them."""
    words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]
    return words[words.index("inbox") :]


def cron_line() -> str:
    lines = (DEPLOY / "flinks-import.cron").read_text("utf-8").splitlines()
    return next(line for line in lines if re.match(r"[\d*]", line))


def task() -> dict[str, str]:
    tree = ET.parse(DEPLOY / "flinks-import.xml")
    action = next(element for element in tree.iter() if element.tag.endswith("}Exec"))
    return {element.tag.rpartition("}")[2]: element.text or "" for element in action}


LINES = {
    "cron": cron_line().split(None, 6)[-1],
    **{name: unit(name)["Service"]["ExecStart"] for name in SERVICES},
    "Windows": f"x {task()['Arguments']}",
}


@pytest.mark.parametrize("name", LINES)
def test_each_example_calls_the_command_with_options_that_it_has(name: str) -> None:
    """Every option of an example is one of `inbox`, and `--yes` is among them."""
    words = arguments(LINES[name])
    command = cli.get_command(click.Context(cli), "inbox")
    given = command.make_context("inbox", words[1:]).params
    assert given["yes"]
    assert given["watch"] is ("watch" in name)


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_each_example_explains_the_exit_codes(path: Path) -> None:
    """Whoever installs it reads there what the command says when it ends. The timer has its service for that."""
    text = path.read_text("utf-8")
    codes = {int(code) for code in re.findall(r"(?:^|\W)(\d{1,2})(?: \(| [a-z]|\))", text)}
    if path.suffix != ".timer" and "watch" not in path.name:
        assert codes >= {code.value for code in ExitCode} - {70}
    assert not re.search(r"(?i)(password|token|secret)\s*=\s*[^\s/%$]", text)


def test_the_cron_line_runs_in_the_shell_that_cron_uses(tmp_path: Path) -> None:
    """The line is five times, a user and a command; the command does what it says under /bin/sh."""
    *when, user, line = cron_line().split(None, 6)
    assert (len(when), user) == (5, "flinks-import")
    assert "%" not in line  # cron takes it for the end of the line
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "a.csv").write_text(
        "Reference,First Name,Last Name,Email,Amount\nA-1,Zoé,Roy,zoe@example.com,1.00\n", "utf-8"
    )
    here = line.replace(INSTALLED, f"{sys.executable} -m pipeline").replace("/srv/billing", str(drop)) + " --sandbox"
    environment = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(
        ["/bin/sh", "-c", here], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done
    assert list(drop.glob("done/*/a.results.xlsx"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` knows every setting of the units and of what they name."""
    program = tmp_path / "flinks-import"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in UNITS:
        (tmp_path / name).write_text((DEPLOY / name).read_text("utf-8").replace(INSTALLED, str(program)))
    line = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in UNITS)]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    """Its own user, a system it can't write to but for the drop folder, and secrets that only it can read."""
    service = unit(name)["Service"]
    wanted = {"NoNewPrivileges": "yes", "PrivateTmp": "yes", "ProtectSystem": "strict", "ProtectHome": "yes"}
    assert {key: service[key] for key in wanted} == wanted
    assert service["User"] not in {"", "root", "0"}
    assert service["ReadWritePaths"] == "/srv/billing"
    assert service["LoadCredential"].startswith("password:")
    assert "6" in service["SuccessExitStatus"].split()


def test_the_windows_task_calls_the_command_without_asking_for_more_rights() -> None:
    """The XML is well formed, runs `flinks-import.exe` and lets one pass at a time run."""
    assert task()["Command"].endswith("flinks-import.exe")
    text = (DEPLOY / "flinks-import.xml").read_text("utf-8")
    assert "LeastPrivilege" in text
    assert "IgnoreNew" in text


# ---------------------------------------------------------------------------------------------------------------
# The image


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines()]


KNOWN = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def test_the_image_is_made_of_instructions_that_docker_knows() -> None:
    """Each line is an instruction, and all of them are used: two stages, a user, volumes, a health check."""
    assert {name for name, _ in instructions()} == KNOWN


def test_the_image_runs_as_nobody_who_matters_from_a_base_with_a_version() -> None:
    """Not root, the base pinned by a tag, and the last stage takes only what the first has made."""
    values = [value for name, value in instructions() if name == "FROM"]
    assert len(values) == 2
    assert all(re.match(r"python:3\.11\.\d+-slim-\w+( AS \w+)?$", value) for value in values)
    last = instructions()[max(at for at, (name, _) in enumerate(instructions()) if name == "FROM") :]
    assert next(value for name, value in last if name == "USER") not in {"root", "0"}
    assert [value for name, value in last if name == "COPY"] == ["--from=build /app /app"]
    order = [name for name, _ in last]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_the_image_holds_no_secret_and_names_no_index() -> None:
    """Passwords are mounted when it runs, and where packages come from is for whoever builds it."""
    assert not re.search(r"https?://|--index-url|--extra-index|--trusted-host", DOCKERFILE)
    assert "--require-hashes" in DOCKERFILE
    settings = " ".join(value for name, value in instructions() if name == "ENV")
    assert not re.search(r"(PASSWORD|TOKEN|SECRET|USERNAME)=", settings)


def test_only_what_the_wheel_is_made_of_goes_into_the_build() -> None:
    """`.dockerignore` leaves everything out and lets in what the Dockerfile copies."""
    first, *others = [
        line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    let_in = {line[1:] for line in others if line.startswith("!")}
    copied = {
        word.removeprefix("./")
        for name, value in instructions()
        if name == "COPY" and "--from" not in value
        for word in value.split()[:-1]
    }
    assert (first, let_in) == ("*", copied)
    assert all((REPOSITORY / name).exists() for name in let_in)
