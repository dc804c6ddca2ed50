"""Every setting: option, then environment, then `flinks-import.toml`, then default.

One frozen value, `Settings`, whose fields carry their own words: help, reference and messages are drawn from them.
Unknown keys are errors. Secrets come from the environment or a file, never from an option.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_config_path, user_data_path

from pipeline.model import UsageFailure
from schemas.faults import LANGUAGES, Lang
from schemas.fields import DEFAULT_MAX_AMOUNT, NOTICE_AMOUNT

CONFIG_NAME: Final = "flinks-import.toml"
SANDBOX: Final = "sandbox"
"""The environment of a batch that was sent to the built-in sandbox."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value.strip()


def _header(value: object) -> str:
    text = _text(value)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("plain ASCII text")
    return text


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError("a whole number above 0")
    try:
        number = int(str(value))
    except ValueError:
        raise ValueError("a whole number above 0") from None
    if number < 1:
        raise ValueError("a whole number above 0")
    return number


def _positive(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise ValueError("a number above 0") from None
    if not 0 < number < float("inf"):
        raise ValueError("a number above 0")
    return number


def _optional_rate(value: object) -> float | None:
    return None if value in {"", None} else _positive(value)


def _money(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("an amount such as 25000.00") from None
    if not amount.is_finite() or amount <= 0 or amount != round(amount, 2):
        raise ValueError("an amount such as 25000.00")
    return amount


def _yes_no(value: object) -> bool:
    match str(value).strip().casefold():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
        case _:
            raise ValueError("true or false")


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return parse


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return split_names(value)
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(name.strip() for name in value)
    raise ValueError("a list of field names")


def split_names(text: str) -> tuple[str, ...]:
    """The names in `referenceId,"Invoice #"`: commas apart, quotes around a name that has a comma of its own.

    Raises ValueError for an empty list.
    """
    import csv  # noqa: PLC0415 - only when the option is given

    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip())
    if not names:
        raise ValueError("a list of field names")
    return names


def _setting(default: Any, parse: Callable[[object], Any], doc: str, env: str = "", *, secret: bool = False) -> Any:
    """A field of `Settings` that carries how it is parsed, its words, and its variable."""
    metadata = {"parse": parse, "doc": doc, "env": env, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program is told. Each field's `metadata` has its words and its environment variable."""

    base_url: str = _setting("", _text, "The API's base URL, https:// only.", "FLINKS_BASE_URL")
    username: str = _setting("", _text, "The API user.", "FLINKS_USERNAME", secret=True)
    password: str = _setting(
        "", _text, "The API password; never in a file of settings.", "FLINKS_PASSWORD", secret=True
    )
    password_file: str = _setting("", _text, "A file that holds the API password.", "FLINKS_PASSWORD_FILE")
    client_id: str = _setting("", _header, "Sent as x-client-id on every call.", "FLINKS_CLIENT_ID")
    credentials: str = _setting("basic", _one_of("basic", "form"), "How the credentials are sent.")
    token_use: str = _setting("auto", _one_of("auto", "reuse", "single"), "Whether a token serves more than once.")
    ca_file: str = _setting("", _text, "Certificates (PEM) to trust instead of the system's.")
    connect_timeout: float = _setting(10.0, _positive, "Seconds to wait for a connection.")
    answer_timeout: float = _setting(60.0, _positive, "Seconds to wait for an answer.")
    journal: str = _setting("", _text, "The journal: an SQLite path or a postgresql:// URL.", "FLINKS_IMPORT_JOURNAL")
    concurrency: int = _setting(16, _whole, "Requests in flight.")
    rate: float | None = _setting(None, _optional_rate, "Requests a second; no limit without it.")
    max_failures: int = _setting(20, _whole, "Stop after so many rows in a row failed for the same reason.")
    max_amount: Decimal = _setting(DEFAULT_MAX_AMOUNT, _money, "A row above this amount is invalid.")
    notice_amount: Decimal = _setting(NOTICE_AMOUNT, _money, "A row above this amount gets a notice.")
    direction: str = _setting("DEBIT", _one_of("DEBIT", "CREDIT"), "The direction of the account's sessions.")
    language: str = _setting("", _one_of("EN", "FR", ""), "The language of the API's e-mails; its own without it.")
    send_link: bool = _setting(False, _yes_no, "E-mail the link for rows that do not say.")
    identity: tuple[str, ...] = _setting(("referenceId",), _names, "What makes a row itself.")
    lang: str = _setting("", _one_of("en", "fr", ""), "The language of messages and of the workbook.")
    repeat_window: int = _setting(5, _whole, "Days in which an identical row of another batch is held.")

    @property
    def production(self) -> bool:
        """Whether the base URL is one where money moves: not this machine, not a test system by its name."""
        host = urlsplit(self.base_url).hostname or ""
        return bool(host) and not is_loopback(host) and not any(word in host for word in ("uat", "sandbox", "test"))


def language_of(chosen: str, environ: Mapping[str, str]) -> Lang:
    """The language to speak: as chosen, else that of the locale, else English."""
    if chosen in LANGUAGES:
        return "fr" if chosen == "fr" else "en"
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "fr" if locale.casefold().startswith("fr") else "en"


ENVIRONMENT_PREFIX: Final = "FLINKS_IMPORT_"
CONFIG_VARIABLE: Final = "FLINKS_IMPORT_CONFIG"


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    for setting in fields(Settings):
        if setting.name == name:
            return setting.metadata["env"] or f"{ENVIRONMENT_PREFIX}{name.upper()}"
    raise KeyError(name)


def load(options: Mapping[str, object], environ: Mapping[str, str], config: Path | None) -> Settings:
    """All settings. `options` are those given on the command line; None counts as not given.

    `config` is the file named by `--config`; without it, by `FLINKS_IMPORT_CONFIG`, else `flinks-import.toml` here or
    in the user's configuration folder, if there is one. Raises UsageFailure for a value or a key that is wrong.
    """
    from_file = _read_config(config, environ)
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        found = _first_given(setting.name, options, environ, from_file)
        if found is None:
            continue
        value, origin = found
        try:
            values[setting.name] = setting.metadata["parse"](value)
        except ValueError as error:
            raise UsageFailure("settings.bad_value", name=setting.name, origin=origin, wanted=error) from None
    settings = Settings(**values)
    if settings.base_url:
        _check_base_url(settings.base_url)
    return settings


def _first_given(
    name: str, options: Mapping[str, object], environ: Mapping[str, str], from_file: tuple[Mapping[str, object], str]
) -> tuple[object, str] | None:
    if options.get(name) is not None:
        return options[name], f"--{name.replace('_', '-')}"
    variable = variable_of(name)
    if environ.get(variable):
        return environ[variable], variable
    table, origin = from_file
    return (table[name], origin) if name in table else None


def _read_config(config: Path | None, environ: Mapping[str, str]) -> tuple[Mapping[str, object], str]:
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    places = [named] if named else [Path(CONFIG_NAME), user_config_path("flinks-import") / CONFIG_NAME]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        if named:
            raise UsageFailure("settings.no_config", path=named)
        return {}, ""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise UsageFailure("settings.cannot_read", path=path) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageFailure("settings.not_toml", path=path, error=error) from None
    _check_keys(table, path)
    return table, str(path)


def _check_keys(table: Mapping[str, object], path: Path) -> None:
    known = {setting.name for setting in fields(Settings)} - {"password"}
    for key in table:
        if key == "password":
            raise UsageFailure("settings.password_in_file", path=path)
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise UsageFailure("settings.unknown_key", path=path, name=key, nearest=near[0] if near else "-")


def _check_base_url(base_url: str) -> None:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        raise UsageFailure("settings.bad_base_url")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageFailure("settings.not_https", host=host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def password_of(settings: Settings) -> str:
    """The API password, from the environment or the file that is named for it.

    Raises UsageFailure when the file can't be read.
    """
    if settings.password or not settings.password_file:
        return settings.password
    try:
        return Path(settings.password_file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageFailure("settings.no_password_file", path=settings.password_file) from None


def data_folder() -> Path:
    """Where the journals are kept unless a setting says otherwise."""
    return user_data_path("flinks-import")


def default_journal(environment: str) -> str:
    """The journal of an environment: the sandbox's is apart, so that play and money never mix."""
    name = "sandbox-journal.sqlite" if environment == SANDBOX else "journal.sqlite"
    return str(data_folder() / name)
