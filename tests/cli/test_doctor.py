"""`doctor`: each check passes or says the exact remedy; nothing is created; the bundle has no value and no secret."""

import json
import os
import re
import socket
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from support.command import Command, StandaloneSandbox
from support.doctor_host import TLS, serving

from pipeline.commands.anonymise import shape

TRUSTED = TLS / "certificate.pem"
EXPIRED = TLS / "expired.pem"
"""Of the year 2020, with the same key as the other one."""

CHECKS = [
    *("configuration", "base_url", "proxy", "dns", "tls", "clock"),
    *("credentials", "data_folder", "journal", "versions", "sandbox"),
]
OURS = {"FLINKS_USERNAME": "jane-user", "FLINKS_PASSWORD": "hunter2"}


@pytest.fixture
def examine(command: Command) -> Callable[..., Any]:
    """Runs the doctor; gives its exit code and each check's state and message."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        command.environment |= {name: "", name.upper(): ""}

    def run(*args: str | Path, **env: str) -> tuple[int, dict[str, tuple[str, str]]]:
        done = command("doctor", "--json", *args, env=OURS | env)
        assert "Traceback" not in done.err
        for secret in OURS.values():
            assert secret not in done.out + done.err
        told = done.json()
        assert told["exitCode"] == done.code
        return done.code, {check["name"]: (check["state"], check["message"]) for check in told["checks"]}

    return run


def test_everything_passes_where_everything_is_right(
    examine: Callable[..., Any], command: Command, standalone_sandbox: StandaloneSandbox
) -> None:
    """Each check once and in its order, all of them pass, exit code 0, and nothing was created."""
    code, checks = examine(**standalone_sandbox.env)
    assert code == 0
    assert {name: state for name, (state, _) in checks.items()} == dict.fromkeys(CHECKS, "pass")
    assert list(checks) == CHECKS
    assert "599 s" in checks["credentials"][1]
    assert standalone_sandbox.received() == {}
    assert not command.data.joinpath("journal.sqlite").exists()


def test_for_people_each_check_is_one_line(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """A line a check; with -q only what is to be fixed."""
    done = command("doctor", env=standalone_sandbox.env)
    assert len(done.out.splitlines()) == len(CHECKS)
    assert all(line.startswith("ok ") for line in done.out.splitlines())
    assert command("doctor", "-q", env=standalone_sandbox.env).out == ""


def test_the_lines_are_french_where_that_is_wanted(command: Command) -> None:
    """Messages follow --lang."""
    assert "ÉCHEC" in command("doctor", "--lang", "fr").out


def test_only_a_token_is_asked_for(examine: Callable[..., Any]) -> None:
    """Of the API the doctor asks nothing but the time and a token."""
    with serving() as (base_url, host):
        assert examine(FLINKS_BASE_URL=base_url)[0] == 0
    assert host.asked == ["HEAD /", "POST /api/v1/authorize"]


# ---------------------------------------------------------------------------------------------------------------
# Settings


def test_a_wrong_file_is_told_with_all_its_mistakes_on_one_line(examine: Callable[..., Any], command: Command) -> None:
    """What depends on the settings is skipped; what does not is checked all the same; exit code 2."""
    (command.home / "flinks-import.toml").write_text('ratte = 1\nlang = "de"\n')
    code, checks = examine()
    state, message = checks["configuration"]
    assert (code, state, "ratte" in message, "lang" in message, "\n" in message) == (2, "fail", True, True, False)
    assert {checks[name][0] for name in ("base_url", "dns", "tls", "clock", "credentials", "journal")} == {"skip"}
    assert {checks[name][0] for name in ("data_folder", "versions", "sandbox")} == {"pass"}


@pytest.mark.parametrize(
    ("env", "name", "parts"),
    [
        ({"FLINKS_BASE_URL": ""}, "base_url", ("FLINKS_BASE_URL",)),
        ({"FLINKS_PASSWORD": ""}, "credentials", ("FLINKS_PASSWORD", "flinks-import login")),
        ({"FLINKS_PASSWORD": "", "FLINKS_PASSWORD_FILE": "gone"}, "credentials", ("gone",)),
        ({"FLINKS_IMPORT_CA_FILE": "gone.pem"}, "api", ("gone.pem",)),
        ({"FLINKS_IMPORT_JOURNAL": "/proc/self/j.sqlite"}, "journal", ("/proc/self", "flinks-import journal create")),
        ({"FLINKS_IMPORT_JOURNAL": "mysql://me@db/x"}, "configuration", ("FLINKS_IMPORT_JOURNAL", "postgresql://")),
        ({"XDG_DATA_HOME": "/proc/self"}, "data_folder", ("/proc/self", "XDG_DATA_HOME")),
    ],
    ids=["base URL", "password", "password file", "CA file", "journal", "kind of journal", "data folder"],
)
def test_what_is_missing_ends_with_2_and_names_the_setting(
    examine: Callable[..., Any], env: dict[str, str], name: str, parts: tuple[str, ...]
) -> None:
    """The remedy names the very variable, option or command."""
    with serving() as (base_url, _):
        code, checks = examine(**({"FLINKS_BASE_URL": base_url} | env))
    state, message = checks[name]
    assert (code, state) == (2, "fail")
    for part in parts:
        assert part in message


def test_a_variable_that_no_setting_has_is_a_note(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """A misspelt variable is worth a word and stops nothing."""
    done = command("doctor", env=standalone_sandbox.env | {"FLINKS_IMPORT_RAET": "1"})
    assert (done.code, "FLINKS_IMPORT_RAET" in done.out) == (0, True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_password_file_that_others_can_read_is_a_note(
    command: Command, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """Whoever can read the file has the password."""
    path = tmp_path / "password"
    path.write_text("sandbox\n")
    path.chmod(0o644)
    env = standalone_sandbox.env | {"FLINKS_PASSWORD": "", "FLINKS_PASSWORD_FILE": str(path)}
    assert f"chmod 600 {path}" in command("doctor", env=env).out
    path.chmod(0o600)
    assert "chmod" not in command("doctor", env=env).out


# ---------------------------------------------------------------------------------------------------------------
# The way to the API


def test_a_name_that_does_not_exist_ends_with_6(examine: Callable[..., Any]) -> None:
    """A misspelt host is told as such, and nothing behind it is tried."""
    code, checks = examine(FLINKS_BASE_URL="https://pay.invalid")
    assert (code, checks["dns"][0], checks["tls"][0], checks["credentials"][0]) == (6, "fail", "skip", "skip")
    assert "pay.invalid" in checks["dns"][1]


@pytest.mark.parametrize(("scheme", "name"), [("https", "tls"), ("http", "api")])
def test_a_port_that_nobody_listens_to_ends_with_6(examine: Callable[..., Any], scheme: str, name: str) -> None:
    """An API that is down is told by the first check that needs it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, checks = examine(FLINKS_BASE_URL=f"{scheme}://127.0.0.1:{port}")
    assert (code, checks[name][0], checks["clock"][0], checks["credentials"][0]) == (6, "fail", "skip", "skip")
    assert "127.0.0.1" in checks[name][1]
    assert "firewall" in checks[name][1]


def test_a_certificate_is_told_with_the_days_that_it_has_left(examine: Callable[..., Any]) -> None:
    """A trusted certificate passes, with its last day."""
    with serving(TRUSTED) as (base_url, host):
        code, checks = examine(FLINKS_BASE_URL=base_url, FLINKS_IMPORT_CA_FILE=str(TRUSTED))
    assert (code, checks["tls"][0]) == (0, "pass")
    assert "2126-10-31" in checks["tls"][1]
    assert host.asked == ["HEAD /", "POST /api/v1/authorize"]


@pytest.mark.parametrize(
    ("certificate", "trust", "part"),
    [(TRUSTED, "", "ca_file"), (EXPIRED, str(EXPIRED), "expired")],
    ids=["nobody vouches for it", "expired"],
)
def test_a_certificate_that_is_not_accepted_ends_with_6_and_sends_nothing(
    examine: Callable[..., Any], certificate: Path, trust: str, part: str
) -> None:
    """Credentials never go to a host whose certificate is not accepted."""
    with serving(certificate) as (base_url, host):
        code, checks = examine(FLINKS_BASE_URL=base_url, FLINKS_IMPORT_CA_FILE=trust)
    assert (code, checks["tls"][0], part in checks["tls"][1], checks["credentials"][0]) == (6, "fail", True, "skip")
    assert host.asked == []


@pytest.mark.parametrize(
    ("ahead", "state", "code"),
    [(0, "pass", 0), (40, "pass", 0), (-40, "pass", 0), (300, "fail", 2), (-300, "fail", 2)],
)
def test_a_clock_that_is_wrong_ends_with_2(examine: Callable[..., Any], ahead: int, state: str, code: int) -> None:
    """A minute is forgiven; more, in either direction, is to be fixed by the network time."""
    with serving(ahead=ahead) as (base_url, _):
        found, checks = examine(FLINKS_BASE_URL=base_url)
    assert (found, checks["clock"][0]) == (code, state)
    assert ("NTP" in checks["clock"][1]) is (code == 2)


@pytest.mark.parametrize(
    "date",
    [
        "-5",
        "9" * 400,
        "2026-11-24T18:00:00Z",
        "Tue, 24 Nov 2026 18:00:30 +99999999999999",
        "\xff\xe9",
        "now\r\nDate: then",
    ],
    ids=["negative", "huge", "another form", "an endless offset", "no text", "two of them"],
)
def test_a_clock_that_can_not_be_read_is_as_none(examine: Callable[..., Any], date: str) -> None:
    """A `Date` that is none keeps nothing from working."""
    with serving(date=date) as (base_url, _):
        code, checks = examine(FLINKS_BASE_URL=base_url)
    assert (code, checks["clock"][0]) == (0, "note")


def test_an_address_that_is_no_api_ends_with_2(examine: Callable[..., Any]) -> None:
    """What a run would end with is found before it."""
    with serving(authorize=404) as (base_url, _):
        code, checks = examine(FLINKS_BASE_URL=base_url)
    assert (code, checks["credentials"][0], "is not that of the API" in checks["credentials"][1]) == (2, "fail", True)


@pytest.mark.parametrize(
    ("set_to", "forms", "state", "part"),
    [
        ("basic", ("basic",), "pass", "599 s"),
        ("form", ("form",), "pass", "599 s"),
        ("basic", ("form",), "fail", 'credentials = "form"'),
        ("form", ("basic",), "fail", "FLINKS_IMPORT_CREDENTIALS=basic"),
        ("basic", (), "fail", "Check the user name"),
    ],
    ids=["basic", "form", "only the form works", "only basic works", "neither"],
)
def test_refused_credentials_end_with_4_and_name_the_form_that_works(
    examine: Callable[..., Any], set_to: str, forms: tuple[str, ...], state: str, part: str
) -> None:
    """The API's pages disagree on the form: when one is refused the other is tried, and the remedy says which works."""
    with serving(forms=forms) as (base_url, _):
        code, checks = examine(FLINKS_BASE_URL=base_url, FLINKS_IMPORT_CREDENTIALS=set_to)
    assert (code, checks["credentials"][0]) == (0 if state == "pass" else 4, state)
    assert part in checks["credentials"][1]


def test_an_api_that_gives_no_token_ends_with_6(examine: Callable[..., Any]) -> None:
    """A fault of the API is not told as wrong credentials."""
    with serving(authorize=503) as (base_url, _):
        code, checks = examine(FLINKS_BASE_URL=base_url)
    assert (code, checks["credentials"][0], "HTTP 503" in checks["credentials"][1]) == (6, "fail", True)


def test_a_socks_proxy_is_said_to_be_ignored(examine: Callable[..., Any]) -> None:
    """A proxy that the transport can't use is told, without its password, and what can be used instead."""
    with serving(TRUSTED) as (base_url, _):
        env = {"all_proxy": "socks5://me:s3cret@127.0.0.1:9", "FLINKS_IMPORT_CA_FILE": str(TRUSTED)}
        code, checks = examine(FLINKS_BASE_URL=base_url, **env)
    assert (code, checks["proxy"][0]) == (0, "note")
    assert "ignored" in checks["proxy"][1]
    assert "HTTPS_PROXY" in checks["proxy"][1]
    assert "s3cret" not in str(checks)


def test_a_proxy_is_named_and_everything_goes_through_it(examine: Callable[..., Any]) -> None:
    """With an HTTP proxy the certificate is looked at, and the API called, by way of it."""
    with serving(TRUSTED) as (base_url, host), tunnelling() as (proxy, connects):
        env = {"https_proxy": proxy.replace("//", "//me:s3cret@"), "FLINKS_IMPORT_CA_FILE": str(TRUSTED)}
        code, checks = examine(FLINKS_BASE_URL=base_url, **env)
        assert code == 0, checks
    assert proxy.removeprefix("http://") in checks["proxy"][1]
    assert "s3cret" not in str(checks)
    assert set(connects) == {f"CONNECT {base_url.removeprefix('https://')} HTTP/1.1"}
    assert host.asked == ["HEAD /", "POST /api/v1/authorize"]


def test_a_proxy_that_refuses_is_told_with_its_answer(examine: Callable[..., Any]) -> None:
    """A proxy that wants a login says 407: that is what the line says."""
    with serving(TRUSTED) as (base_url, host), tunnelling(b"407 Proxy Authentication Required") as (proxy, _):
        env = {"https_proxy": proxy, "FLINKS_IMPORT_CA_FILE": str(TRUSTED)}
        code, checks = examine(FLINKS_BASE_URL=base_url, **env)
    assert (code, checks["tls"][0], "407" in checks["tls"][1]) == (6, "fail", True)
    assert host.asked == []


@contextmanager
def tunnelling(says: bytes = b"200 OK") -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that opens tunnels, or refuses them; with the first line of each request."""
    connects: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listening.accept()[0],), daemon=True).start()

    def converse(ours: socket.socket) -> None:
        with ours, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += ours.recv(1)
            connects.append(head.partition(b"\r\n")[0].decode())
            ours.sendall(b"HTTP/1.1 " + says + b"\r\n\r\n")
            if says.startswith(b"200"):
                host, _, port = connects[-1].split()[1].rpartition(":")
                with socket.create_connection((host, int(port))) as theirs:
                    back = threading.Thread(target=pour, args=(theirs, ours), daemon=True)
                    back.start()
                    pour(ours, theirs)
                    back.join(5)

    def pour(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while got := source.recv(65536):
                target.sendall(got)
            target.shutdown(socket.SHUT_WR)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", connects
    finally:
        listening.close()


# ---------------------------------------------------------------------------------------------------------------
# The journal


@pytest.fixture
def with_journal(command: Command, standalone_sandbox: StandaloneSandbox, tmp_path: Path) -> Path:
    """A journal of one run; its file."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    assert command("run", sheet, "--yes", env=standalone_sandbox.env).code == 0
    return command.data / "journal.sqlite"


def test_a_journal_is_told_with_its_version_and_the_room_that_is_left(
    examine: Callable[..., Any], with_journal: Path, standalone_sandbox: StandaloneSandbox
) -> None:
    """A healthy journal passes and is left as it is."""
    before = with_journal.read_bytes()
    code, checks = examine(**standalone_sandbox.env)
    assert (code, checks["journal"][0]) == (0, "pass")
    assert "version" in checks["journal"][1]
    assert with_journal.read_bytes() == before


@pytest.mark.parametrize("damage", ["bytes", "mode"])
def test_a_journal_that_is_not_well_ends_with_2(
    examine: Callable[..., Any], with_journal: Path, standalone_sandbox: StandaloneSandbox, damage: str
) -> None:
    """Lost bytes and open doors are found before the next run."""
    if damage == "mode":
        with_journal.chmod(0o644)
    else:
        with_journal.write_bytes(b"not a database" * 1000)
    code, checks = examine(**standalone_sandbox.env)
    assert (code, checks["journal"][0]) == (2, "fail")
    assert str(with_journal) in checks["journal"][1]


# ---------------------------------------------------------------------------------------------------------------
# The bundle

CELLS = {
    "Invoice #": ("INV-7731", "INV-7732"),
    "First Name": ("Zoé", "Liam"),
    "Last Name": ("Tremblay", "O'Connor"),
    "Email": ("zoe.t@example.com", "liam@@example.com"),
    "Amount": (250.25, "1,099.50"),
    "Institution": ("004", "815"),
    "Transit": ("12345", "54321"),
    "Account": ("9876541", "9876542"),
    "Notes to myself": ("call Aunt May", "unit 12\u00a0B"),
}
SECRETS = ("jane-user", "hunter2", "client-9", "hunter3", "s3cret")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A workbook with values that would be known again."""
    path = tmp_path / "jane's november.xlsx"
    book = openpyxl.Workbook()
    book.active.append(list(CELLS))
    for row in zip(*CELLS.values(), strict=True):
        book.active.append(row)
    book.save(path)
    return path


def packed(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name).decode("utf-8") for name in bundle.namelist()}


def test_the_bundle_has_no_value_of_the_sheet_and_no_secret(
    command: Command, sheet: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """A bundle can be sent to whoever helps: no cell, no file name, no password, no user, no session is in it."""
    log, bundle = tmp_path / "run.log", tmp_path / "help.zip"
    env = standalone_sandbox.env | {"FLINKS_IMPORT_LOG_FILE": str(log)}
    assert command("run", sheet, "--yes", env=env).code == 1
    secrets = OURS | {
        "FLINKS_CLIENT_ID": "client-9",
        "FLINKS_BASE_URL": standalone_sandbox.base_url,
        "FLINKS_IMPORT_LOG_FILE": str(log),
        "all_proxy": "socks5://me:s3cret@127.0.0.1:9",
    }
    (tmp_path / "flinks-import.toml").write_text("concurrency = 3\n")
    done = command("doctor", "--bundle", bundle, "--sheet", sheet, env=secrets, cwd=tmp_path)
    assert (done.code, str(bundle) in done.out) == (4, True)
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    parts = packed(bundle)
    whole = "\n".join([*parts, *parts.values()])
    for value in (value for column in CELLS.values() for value in column):
        assert not re.search(rf"(?<!\d){re.escape(str(value))}(?!\d)", whole)  # a port may have its digits
    for secret in (*SECRETS, *CELLS, "jane", "november"):
        assert secret not in whole.replace(str(tmp_path), "")
    for record in json.loads(parts["journal.json"]).values():
        assert "session" not in str(record)


def test_the_bundle_has_what_a_helper_needs(
    command: Command, sheet: Path, with_journal: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """Versions, what was set, counts, the doctor's findings, events, and the shapes of the cells."""
    bundle = tmp_path / "help.zip"
    env = standalone_sandbox.env | {"FLINKS_IMPORT_RATE": "7.5"}
    assert command("doctor", "--bundle", bundle, "--sheet", sheet, env=env).code == 0
    parts = {name: json.loads(text) for name, text in packed(bundle).items()}
    assert set(parts["versions.json"]["packages"]) >= {"pandas", "httpx", "click"}
    assert {"name": "rate", "value": "7.5", "source": "variable", "profile": ""} in parts["settings.json"]
    assert [check["name"] for check in parts["doctor.json"]] == CHECKS
    assert parts["journal.json"]["counts"] == {"batches": 1, "runs": 1, "rows": 1, "attempts": 1}
    columns = {column["field"]: column["shapes"] for column in parts["sheet.json"]["columns"]}
    assert columns["lastName"] == {"Aaaaaaaa": 1, "A'Aaaaaa": 1}
    assert columns["email"] == {"aaa.a@aaaaaaa.aaa": 1, "aaaa@@aaaaaaa.aaa": 1}
    assert columns["accountNumber"] == {"999****": 2}
    assert columns["own"] == {"aaaa Aaaa Aaa": 1, "aaaa 99<Zs 00A0>A": 1}
    assert parts["sheet.json"]["rows"] == 2


def test_a_sheet_that_cannot_be_read_is_told_by_its_reason(command: Command, tmp_path: Path) -> None:
    """Without a heading row nothing of the sheet is known, and nothing of it is packed."""
    sheet, bundle = tmp_path / "odd.csv", tmp_path / "help.zip"
    sheet.write_text("Zoé,Tremblay\nLiam,O'Connor\n", "utf-8")
    command("doctor", "--bundle", bundle, "--sheet", sheet)
    told = packed(bundle)["sheet.json"]
    assert json.loads(told)["refused"].startswith("There is no row of headings")
    assert "Tremblay" not in told


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--bundle", "nowhere/help.zip"), 2, "nowhere"),
        (("--sheet", "taken.zip"), 2, "--bundle"),
        (("--bundle", "help.zip", "--sheet", "gone.xlsx"), 3, "gone.xlsx"),
    ],
    ids=["no folder", "a sheet without a bundle", "no sheet"],
)
def test_a_bundle_that_cannot_be_written_says_why(
    command: Command, words: tuple[str, ...], code: int, part: str
) -> None:
    """One sentence and the fitting exit code."""
    done = command("doctor", *words)
    assert done.code == code
    (sentence,) = done.err.splitlines()
    assert part in sentence
    assert not (command.home / "help.zip").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane Roe", "Aaaa Aaa"),
        ("9876541", "999****"),
        ("INV-7731", "AAA-999*"),
        ("Zoé", "Aaà"),
        ("ÉVA", "ÀAA"),
        ("$1,234.50", "$9,99*.**"),
        ("a\u00a0b\u200bc\td", "a<Zs 00A0>a<Cf 200B>a<Cc 0009>a"),
        ("٣", "9"),
        ("", ""),
        ("x" * 100, "a" * 60 + "…"),
    ],
)
def test_a_shape_keeps_what_is_odd_and_nothing_that_is_said(text: str, expected: str) -> None:
    """Letters become A and a, the first three digits 9 and the others *; what can't be seen is named by its number."""
    assert shape(text) == expected


def test_a_misspelt_variable_is_named_once_with_the_nearest(command: Command) -> None:
    """Other commands warn of it; the doctor has a line for it, and says no more."""
    done = command("doctor", env={"FLINKS_IMPORT_LANGG": "fr"})
    assert (done.out + done.err).count("FLINKS_IMPORT_LANGG") == 1
    assert "Did you mean FLINKS_IMPORT_LANG?" in done.out
