"""Settings: which source wins, what each mistake says, and that all mistakes are told at once."""

import tomllib
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.config import commented, setting_lines
from pipeline.config.config_file import Source
from pipeline.config.passwords import MASK
from pipeline.config.settings import (
    Settings,
    load,
    parsers,
    password_of,
    resolve,
    shown,
    unknown_variables,
    variable_of,
)
from pipeline.domain.errors import RunError, UsageError
from pipeline.messages import explain, language_of
from schemas.languages import Lang

PROFILES = """
concurrency = 4
rate = 10.0

[profile.sandbox]
concurrency = 8

[profile.production]
rate = 20
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the tests write their settings file."""
    return tmp_path / "settings.toml"


def told(file: Path, profile: str | None = None, lang: str = "en", **options: Any) -> list[str]:
    """What is said of a file that is wrong, a line each."""
    with pytest.raises(UsageError) as caught:
        load(options, {}, file, profile)
    return explain(caught.value, lang).splitlines()  # type: ignore[arg-type]


def test_without_anything_the_defaults_count() -> None:
    """Nothing given is nothing changed."""
    assert load({}, {}, None) == Settings()


@pytest.mark.parametrize(
    ("option", "variable", "in_file", "expected"),
    [
        (2, "3", "4", (2, Source.OPTION)),
        (None, "3", "4", (3, Source.VARIABLE)),
        (None, "", "4", (4, Source.FILE)),
        (None, None, None, (16, Source.DEFAULT)),
    ],
    ids=["option", "variable", "file, for an empty variable is none", "default"],
)
def test_the_strongest_source_wins(
    file: Path, option: int | None, variable: str | None, in_file: str | None, expected: tuple[int, Source]
) -> None:
    """An option counts before the environment, the environment before the file, the file before the default."""
    file.write_text(f"concurrency = {in_file}" if in_file else "")
    environ = {} if variable is None else {"FLINKS_IMPORT_CONCURRENCY": variable}
    resolved = resolve({"concurrency": option}, environ, file)
    assert (resolved.settings.concurrency, resolved.origins["concurrency"].source) == expected


@pytest.mark.parametrize(
    ("profile", "concurrency", "rate"),
    [(None, 4, 10.0), ("sandbox", 8, 10.0), ("production", 4, 20.0)],
    ids=["none", "sandbox", "production"],
)
def test_a_profile_counts_over_the_keys_above_it(
    file: Path, profile: str | None, concurrency: int, rate: float
) -> None:
    """What a profile says wins; what it does not say comes from the top of the file."""
    file.write_text(PROFILES)
    settings = load({}, {}, file, profile)
    assert (settings.concurrency, settings.rate) == (concurrency, rate)


def test_the_profile_may_come_from_the_environment_and_the_option_wins(file: Path) -> None:
    """FLINKS_IMPORT_PROFILE names the profile where no option does."""
    file.write_text(PROFILES)
    environ = {"FLINKS_IMPORT_PROFILE": "sandbox"}
    assert load({}, environ, file).concurrency == 8
    assert load({}, environ, file, "production").concurrency == 4


@pytest.mark.parametrize(
    ("name", "in_file", "profile"),
    [("concurrency", True, "sandbox"), ("rate", True, ""), ("lang", False, "")],
    ids=["in the profile", "above it", "a default"],
)
def test_an_origin_names_file_and_profile(file: Path, name: str, in_file: bool, profile: str) -> None:
    """Whoever looks for a setting is told where in the file it stands."""
    file.write_text(PROFILES.lstrip("\n"))
    origin = resolve({}, {}, file, "sandbox").origins[name]
    assert (str(file) == origin.name) is in_file
    assert origin.profile == profile


MISTAKES = [
    ("an unknown key", "concurency = 3", ('"concurency"', '"concurrency"')),
    ("a key like none", "colour = 3", ('"colour"', "config show")),
    ("an unknown key of a profile", "[profile.a]\nratee = 3", ("[profile.a]", '"rate"')),
    ("a password", 'password = "x1y2"', ("FLINKS_PASSWORD", "password_file")),
    ("a password in a profile", '[profile.a]\npassword = "x1y2"', ("[profile.a]", "FLINKS_PASSWORD")),
    ("words for a number", 'concurrency = "many"', ("concurrency", "whole number from 1 to 512")),
    ("true for a number", "max_failures = true", ("max_failures", "whole number above 0")),
    ("zero", "repeat_window = 0", ("repeat_window", "above 0")),
    ("too many at once", "concurrency = 513", ("512",)),
    ("no number", 'rate = "fast"', ("rate", "a number above 0")),
    ("endless", "answer_timeout = inf", ("answer_timeout", "a number above 0")),
    ("thirds of a cent", "max_amount = 10.0051", ("max_amount", "25000.00")),
    ("two readings", 'max_amount = "1,205"', ("max_amount", '"1,205" can be read in two ways')),
    ("no amount", 'notice_amount = "a lot"', ("notice_amount", "25000.00")),
    ("neither yes nor no", 'send_link = "perhaps"', ("send_link", "true or false")),
    ("another word", 'credentials = "digest"', ("credentials", '"basic", "form"')),
    ("an empty list", "identity = []", ("identity", "list of field names")),
    ("an empty name", 'identity = ["a", " "]', ("identity", "list of field names")),
    ("an empty text of names", 'identity = ","', ("identity", "list of field names")),
    ("a number for a text", "username = 5", ("username", "must be text")),
    ("a header with an accent", 'client_id = "é"', ("client_id", "ASCII")),
    ("plain http", 'base_url = "http://pay.example.com"', ("https://", "pay.example.com")),
    ("no URL", 'base_url = "pay.example.com"', ("https://",)),
    ("a port in words", 'base_url = "https://pay.example.com:port"', ("https://",)),
    ("a user in the URL", 'base_url = "https://me:s3cret@pay.example.com"', ("https://",)),
    ("a profile that is no table", "profile = 1", ("[profile.NAME]",)),
    ("a profile's name that is no table", "profile.a = 1", ("[profile.NAME]",)),
]


@pytest.mark.parametrize(("text", "parts"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_of_the_file_is_one_sentence_that_says_where_and_what_instead(
    file: Path, text: str, parts: tuple[str, ...]
) -> None:
    """Each mistake names the file, the setting and what belongs there; never the value, which may be a secret."""
    file.write_text(text)
    (line,) = told(file)
    assert line.startswith(str(file))
    for part in parts:
        assert part in line
    assert "x1y2" not in line
    assert "s3cret" not in line


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_all_mistakes_of_a_file_are_told_at_once(file: Path, lang: Lang) -> None:
    """Fixing a file takes one round: also other profiles' mistakes, the environment's and the options' are told."""
    file.write_text('ratte = 3\nlang = "de"\n[profile.a]\nrate = -1\n[profile.b]\ndirection = "UP"\n')
    with pytest.raises(UsageError) as caught:
        load({"concurrency": 0}, {"FLINKS_IMPORT_SEND_LINK": "maybe"}, file, "c")
    lines = explain(caught.value, lang).splitlines()
    expected = ("ratte", "lang", "rate", "direction", '"c"' if lang == "en" else "« c »", "--concurrency", "SEND_LINK")
    assert len(lines) == len(expected)
    for part in expected:
        assert any(part in line for line in lines)


@pytest.mark.parametrize(
    ("text", "profile", "parts"),
    [
        (PROFILES, "sandbx", ('"sandbx"', 'nearest is "sandbox"')),
        (PROFILES, "night", ('"night"', "sandbox, production")),
        ("rate = 1", "night", ("[profile.night]",)),
    ],
    ids=["nearly", "not at all", "a file without profiles"],
)
def test_an_unknown_profile_is_refused_with_those_that_exist(
    file: Path, text: str, profile: str, parts: tuple[str, ...]
) -> None:
    """A misspelt profile must not send with the settings of another."""
    file.write_text(text)
    (line,) = told(file, profile)
    for part in parts:
        assert part in line


def test_a_profile_without_a_file_is_refused() -> None:
    """A profile that nothing stands behind is not taken for the defaults."""
    with pytest.raises(UsageError) as caught:
        load({}, {}, None, "production")
    assert "config init" in explain(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"rate = ", "not valid TOML"), (b"rate = 1\nrate = 2", "not valid TOML"), (b"\xff\xfe", "UTF-8")],
    ids=["no value", "a key twice", "no text"],
)
def test_a_file_that_is_no_toml_is_refused(file: Path, content: bytes, part: str) -> None:
    """What can't be read is said with what is wrong with it."""
    file.write_bytes(content)
    assert part in told(file)[0]


def test_a_file_that_is_named_and_missing_is_refused(file: Path) -> None:
    """A misspelt --config must not mean the defaults."""
    assert str(file) in told(file)[0]


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    """Notepad writes one before the first key."""
    file.write_bytes(b"\xef\xbb\xbfrate = 3\n")
    assert load({}, {}, file).rate == 3


def test_an_option_of_the_wrong_kind_names_the_option() -> None:
    """The words for a mistake of the command line name the option as it was typed."""
    with pytest.raises(UsageError) as caught:
        load({"repeat_window": "x"}, {}, None)
    assert explain(caught.value).startswith("--repeat-window: ")


KINDS = [
    ("max_amount", "10", Decimal(10)),
    ("max_amount", "$1,205.40", Decimal("1205.40")),
    ("max_amount", "1 205,40 $", Decimal("1205.40")),
    ("send_link", "YES", True),
    ("send_link", "0", False),
    ("identity", 'referenceId, "Invoice, #"', ("referenceId", "Invoice, #")),
    ("rate", "2.5", 2.5),
    ("username", "  me ", "me"),
    ("base_url", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("base_url", "http://[::1]:8080", "http://[::1]:8080"),
    ("base_url", "http://localhost", "http://localhost"),
    ("base_url", "HTTPS://Pay.Example.COM:443/", "https://pay.example.com"),
    ("base_url", "https://pay.example.com:8443/Flinks/", "https://pay.example.com:8443/Flinks"),
    ("base_url", "http://[::1]:80/", "http://[::1]"),
]


@pytest.mark.parametrize(("name", "text", "value"), KINDS, ids=[f"{case[0]}={case[1]}" for case in KINDS])
def test_a_variable_is_read_by_its_kind(name: str, text: str, value: Any) -> None:
    """The environment has texts only; each becomes what its setting is."""
    assert getattr(load({}, {variable_of(name): text}, None), name) == value


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_commented_file_with_every_mark_taken_away_is_valid(file: Path, lang: Lang) -> None:
    """What `config init` writes is right as it stands, and stays right as one uncomments it."""
    text = commented(lang)
    assert tomllib.loads(text) == {}
    lines = [line.removeprefix("# ") for line in text.splitlines() if not line.startswith("##")]
    file.write_text("\n".join(lines))
    load({}, {}, file, "production")
    assert set(tomllib.loads(file.read_text())) == set(parsers()) | {"profile"}


def test_every_setting_has_words_in_both_languages() -> None:
    """Reference, commented file and `config show` speak with one voice."""
    for setting in fields(Settings):
        words = setting.metadata["words"]
        assert words.en.endswith(".")
        assert words.fr.endswith(".")
        assert words.en != words.fr


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("username", "jane", MASK),
        ("password", "hunter2", MASK),
        ("client_id", "c-1", MASK),
        ("password", "", ""),
        ("journal", "postgresql://me:hunter2@db/x", f"postgresql://me:{MASK}@db/x"),
        ("journal", "postgresql://db/x?user=me&password=hunter2", f"postgresql://db/x?{MASK}"),
        ("journal", "postgresql://db/x?sslmode=require", "postgresql://db/x?sslmode=require"),
        ("journal", "postgresql://me:hunter2@[db/x", f"postgresql://me:{MASK}@[db/x"),
        ("journal", "/var/lib/j.sqlite", "/var/lib/j.sqlite"),
        ("send_link", True, "true"),
        ("identity", ("a", "b"), "a, b"),
        ("rate", None, ""),
    ],
)
def test_what_is_shown_has_no_secret(name: str, value: str | bool | tuple[str, str] | None, expected: str) -> None:
    """Secrets are masked wherever a setting is shown, also inside a URL."""
    assert shown(name, value) == expected


def test_no_secret_is_in_the_repr_of_settings() -> None:
    """A log that prints the settings by mistake gives nothing away."""
    settings = Settings(username="jane-user", password="hunter2", client_id="client-9")
    for secret in ("jane-user", "hunter2", "client-9"):
        assert secret not in repr(settings)


def test_variables_that_are_nearly_ours_are_told() -> None:
    """A misspelt variable is silently another setting: it is named."""
    ours = ("FLINKS_BASE_URL", "FLINKS_IMPORT_BASE_URL", "FLINKS_IMPORT_PROFILE")
    others = ("FLINKS_WIDGET_KEY", "HOME")
    wrong = ("FLINKS_IMPORT_RAET", "FLINKS_PASSWROD", "FLINKS_IMPORT_X")
    assert unknown_variables(dict.fromkeys((*ours, *others, *wrong), "1")) == {
        "FLINKS_IMPORT_RAET": "FLINKS_IMPORT_RATE",
        "FLINKS_PASSWROD": "FLINKS_PASSWORD",
        "FLINKS_IMPORT_X": "",
    }


@pytest.mark.parametrize("name", ["base_url", "username", "password", "password_file", "client_id"])
def test_a_setting_is_read_from_its_short_variable_and_from_the_prefixed_one(name: str) -> None:
    """All settings have one prefix; the five older names go on being read, and count less."""
    short, prefixed = f"FLINKS_{name.upper()}", f"FLINKS_IMPORT_{name.upper()}"
    first, second = ("https://a.example.com", "https://b.example.com")
    assert getattr(load({}, {short: first}, None), name) == first
    assert getattr(load({}, {prefixed: second}, None), name) == second
    assert getattr(load({}, {short: first, prefixed: second}, None), name) == second


def test_every_setting_is_listed_once() -> None:
    """`config show` leaves nothing out."""
    names = [line.name for line in setting_lines(resolve({}, {}, None))]
    assert names == [setting.name for setting in fields(Settings)]


@pytest.mark.parametrize(
    ("base_url", "production"),
    [
        ("https://payments.flinksapp.com", True),
        ("https://payments-uat.flinksapp.com", False),
        ("http://127.0.0.1:8377", False),
        ("http://localhost:1", False),
        ("", False),
    ],
)
def test_production_is_where_money_moves(base_url: str, production: bool) -> None:
    """Anything that is not this machine or a test system by its name is production."""
    assert Settings(base_url=base_url).production is production


@pytest.mark.parametrize(
    ("chosen", "environ", "expected"),
    [
        ("fr", {"LANG": "en_CA.UTF-8"}, "fr"),
        ("", {"LANG": "fr_CA.UTF-8"}, "fr"),
        ("", {"LC_ALL": "en_CA", "LANG": "fr_CA"}, "en"),
        ("", {"FLINKS_IMPORT_LANG": "fr", "LANG": "en_CA.UTF-8"}, "fr"),
        ("", {}, "en"),
    ],
    ids=["chosen", "the locale's", "LC_ALL counts before LANG", "the variable's", "English"],
)
def test_the_language_is_the_chosen_one_else_the_locales(chosen: str, environ: dict[str, str], expected: str) -> None:
    """French where it was asked for or where the system speaks it."""
    assert language_of(chosen, environ) == expected


def test_the_password_is_the_variables_else_the_files(tmp_path: Path) -> None:
    """A password file is read without its line end, and a password in the environment counts before it."""
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    assert password_of(Settings(password_file=str(path))) == "hunter2"
    assert password_of(Settings(password="other", password_file=str(path))) == "other"
    with pytest.raises(RunError):
        password_of(Settings(password_file=str(tmp_path / "gone")))
