"""Every setting: option, then environment, then `flinks-import.toml`, then default.

One frozen value, `Settings`, whose fields carry their own words: help, reference, the commented file and messages are
drawn from them. Unknown keys are errors. Secrets come from the environment, a file or the system keyring, never from
an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_data_path

from pipeline.config import config_file, kinds
from pipeline.config.config_file import DEFAULT, PROFILE_VARIABLE, Origin, Parse, Source
from pipeline.config.kinds import is_loopback
from pipeline.config.passwords import MASK, without_password
from pipeline.domain.errors import UsageError
from pipeline.messages import N_, all_of
from schemas.fields import DEFAULT_MAX_AMOUNT, NOTICE_AMOUNT

CONFIG_NAME: Final = config_file.CONFIG_NAME
SANDBOX: Final = "sandbox"
"""The environment of a batch that was sent to the built-in sandbox."""

"""What is shown instead of a secret."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a setting says of itself. `example` stands in the commented file where there is no default to show."""

    en: str
    fr: str
    example: object = None


def _setting(default: Any, parse: Parse, words: Words, env: str = "", *, secret: bool = False) -> Any:
    """A field of `Settings` that carries how it is parsed, its words, and its variable."""
    metadata = {"parse": parse, "doc": words.en, "words": words, "env": env, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


OCCASIONS: Final = ("attention", "refused", "unknown", "credentials", "stopped", "done")
"""What a notification can be about (`pipeline.commands.notify`)."""

NOTIFY_VARIABLE: Final = "FLINKS_IMPORT_NOTIFY_URLS"
"""The Apprise URLs themselves, blanks between them. They are secrets: never an option, never in a file of settings."""


def _occasions(value: object) -> tuple[str, ...]:
    """Some of the occasions."""
    wanted = kinds.names(value)
    if set(wanted) - set(OCCASIONS):
        raise kinds.InvalidValue(N_("one of {choices}"), choices=", ".join(f'"{name}"' for name in OCCASIONS))
    return wanted


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the program. Each field's `metadata` has its words and its environment variable."""

    base_url: str = _setting(
        "",
        kinds.base_url,
        Words(
            "The API's base URL, https:// only.",
            "L'adresse de base de l'API, en https:// seulement.",
            "https://payments.example.com",
        ),
        "FLINKS_BASE_URL",
    )
    username: str = _setting(
        "",
        kinds.text,
        Words("The API user.", "L'utilisateur de l'API.", "billing"),
        "FLINKS_USERNAME",
        secret=True,
    )
    password: str = _setting(
        "",
        kinds.text,
        Words(
            "The API password; never in a settings file.",
            "Le mot de passe de l'API ; jamais dans un fichier de réglages.",
        ),
        "FLINKS_PASSWORD",
        secret=True,
    )
    password_file: str = _setting(
        "",
        kinds.text,
        Words(
            "A file that contains the API password.",
            "Un fichier qui contient le mot de passe de l'API.",
            "/etc/flinks-import/password",
        ),
        "FLINKS_PASSWORD_FILE",
    )
    client_id: str = _setting(
        "",
        kinds.header,
        Words("Sent as x-client-id on every call.", "Envoyé comme x-client-id à chaque appel.", "client-1"),
        "FLINKS_CLIENT_ID",
        secret=True,
    )
    credentials: str = _setting(
        "basic",
        kinds.one_of("basic", "form"),
        Words("How to send the credentials.", "Comment envoyer les identifiants."),
    )
    token_use: str = _setting(
        "auto",
        kinds.one_of("auto", "reuse", "single"),
        Words("Whether a token can be used more than once.", "Si un jeton peut servir plus d'une fois."),
    )
    ca_file: str = _setting(
        "",
        kinds.text,
        Words(
            "Certificates (PEM) to trust instead of the system's.",
            "Les certificats (PEM) acceptés au lieu de ceux du système.",
            "/etc/flinks-import/ca.pem",
        ),
    )
    connect_timeout: float = _setting(
        10.0, kinds.positive, Words("Seconds to wait for a connection.", "Secondes d'attente d'une connexion.")
    )
    answer_timeout: float = _setting(
        60.0, kinds.positive, Words("Seconds to wait for a response.", "Secondes d'attente d'une réponse.")
    )
    journal: str = _setting(
        "",
        kinds.journal,
        Words(
            "The journal: an SQLite path or a postgresql:// URL.",
            "Le journal : un chemin SQLite ou une adresse postgresql://.",
            "/var/lib/flinks-import/journal.sqlite",
        ),
    )
    concurrency: int = _setting(
        16, kinds.at_once, Words("How many requests to send at the same time.", "Requêtes simultanées.")
    )
    rate: float | None = _setting(
        None,
        kinds.rate,
        Words(
            "How many requests to send a second; no limit by default.",
            "Requêtes par seconde ; sans limite par défaut.",
            50.0,
        ),
    )
    worker_silence: float = _setting(
        15.0,
        kinds.positive,
        Words(
            "Seconds after which the rows of a Dask worker that is not heard of go to another (run --dask).",
            "Secondes après lesquelles les lignes d'un processus Dask muet passent à un autre (run --dask).",
        ),
    )
    max_failures: int = _setting(
        20,
        kinds.whole,
        Words(
            "Stop when this many rows in a row fail for the same reason.",
            "Arrêter après tant de lignes de suite en échec pour la même raison.",
        ),
    )
    max_amount: Decimal = _setting(
        DEFAULT_MAX_AMOUNT,
        kinds.money,
        Words("A row above this amount is invalid.", "Une ligne au-dessus de ce montant est invalide."),
    )
    notice_amount: Decimal = _setting(
        NOTICE_AMOUNT,
        kinds.money,
        Words("A row above this amount gets a notice.", "Une ligne au-dessus de ce montant reçoit un avis."),
    )
    direction: str = _setting(
        "DEBIT",
        kinds.one_of("DEBIT", "CREDIT"),
        Words("The direction of the account's requests.", "Le sens des demandes du compte."),
    )
    language: str = _setting(
        "",
        kinds.one_of("EN", "FR", ""),
        Words(
            "The language of the API's e-mails for rows that do not say; the API decides by default.",
            "La langue des courriels de l'API pour les lignes qui ne l'indiquent pas ; au choix de l'API par défaut.",
            "FR",
        ),
    )
    send_link: bool = _setting(
        False,
        kinds.yes_no,
        Words(
            "E-mail the link for rows that do not say.",
            "Envoyer le lien par courriel pour les lignes qui n'en disent rien.",
        ),
    )
    identity: tuple[str, ...] = _setting(
        ("referenceId",),
        kinds.names,
        Words("What identifies a row.", "Ce qui identifie une ligne."),
    )
    lang: str = _setting(
        "",
        kinds.one_of("en", "fr", ""),
        Words("The language of messages and of the workbook.", "La langue des messages et du classeur.", "fr"),
    )
    reference_names: str = _setting(
        "transaction",
        kinds.one_of("transaction", "customer"),
        Words(
            "What a reference names: a transaction, requested once, or a customer, whom you bill again and again.",
            "Ce que désigne une référence : une transaction, demandée une fois, ou un client, facturé à répétition.",
        ),
    )
    repeat_window: int = _setting(
        5,
        kinds.whole,
        Words(
            "How many days back to search other batches for the same charge, if no reference names it.",
            "Jours passés où chercher la même facturation dans d'autres lots, si aucune référence ne la désigne.",
        ),
    )
    second_person: str = _setting(
        "optional",
        kinds.one_of("optional", "required"),
        Words(
            "Whether run sends only a plan that another person approved.",
            "Si run n'envoie qu'un plan approuvé par une autre personne.",
        ),
    )
    log_file: str = _setting(
        "",
        kinds.text,
        Words(
            "A file to which the program adds JSON lines, one for each event.",
            "Un fichier auquel le programme ajoute des lignes JSON, une par événement.",
            "/var/log/flinks-import/flinks-import.log",
        ),
    )
    metrics_file: str = _setting(
        "",
        kinds.text,
        Words(
            "A Prometheus text file of each run's metrics.",
            "Un fichier texte Prometheus des mesures de chaque exécution.",
            "/var/lib/node_exporter/flinks-import.prom",
        ),
    )
    notify_on: tuple[str, ...] = _setting(
        ("attention", "refused", "unknown", "credentials"),
        _occasions,
        Words(
            f"What to send a notification about: {', '.join(OCCASIONS)}.",
            f"Ce qui donne lieu à un avis : {', '.join(OCCASIONS)}.",
        ),
    )
    notify_urls_file: str = _setting(
        "",
        kinds.text,
        Words(
            "A file with the Apprise URLs that get notifications, one on each line.",
            "Un fichier des adresses Apprise qui reçoivent les notifications, une par ligne.",
            "/etc/flinks-import/notify-urls",
        ),
    )

    @property
    def second_person_required(self) -> bool:
        """Whether only a plan may be sent that another person than its maker approved."""
        return self.second_person == "required"

    @property
    def production(self) -> bool:
        """Whether the base URL is one where money moves: not this machine, not a test system by its name."""
        host = urlsplit(self.base_url).hostname or ""
        return bool(host) and not is_loopback(host) and not any(word in host for word in ("uat", "sandbox", "test"))


ENVIRONMENT_PREFIX: Final = "FLINKS_IMPORT_"


def variable_of(name: str) -> str:
    """The environment variable of a setting, as documentation and messages name it."""
    for setting in fields(Settings):
        if setting.name == name:
            return setting.metadata["env"] or _prefixed(name)
    raise KeyError(name)


def _prefixed(name: str) -> str:
    """The variable in our prefix: every setting has one, also those whose usual name is shorter."""
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def parsers() -> dict[str, Parse]:
    """How each setting that may stand in a file is parsed: all but the password."""
    return {setting.name: setting.metadata["parse"] for setting in fields(Settings) if setting.name != "password"}


PLACES: Final = frozenset({"password_file", "ca_file", "journal", "log_file", "metrics_file", "notify_urls_file"})
"""The settings that name a file: relative ones in a settings file count from that file."""

_SQLITE: Final = "sqlite:///"


def anchored(place: str, folder: Path) -> str:
    """A place that is relative to a folder, in full; what is empty, absolute or on a server as it is."""
    if not place or not _is_relative(place):
        return place
    scheme = _SQLITE if place.startswith(_SQLITE) else ""
    return f"{scheme}{folder / Path(place.removeprefix(_SQLITE)).expanduser()}"


def _is_relative(place: str) -> bool:
    if "://" in place and not place.startswith(_SQLITE):
        return False
    try:
        return not Path(place.removeprefix(_SQLITE)).expanduser().is_absolute()
    except RuntimeError:  # the home of a user who does not exist
        return False


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, and where each came from. `config` is the file in use, if there is one."""

    settings: Settings
    origins: Mapping[str, Origin]
    config: Path | None
    profile: str
    profiles: tuple[str, ...]


def load(
    options: Mapping[str, object], environ: Mapping[str, str], config: Path | None, profile: str | None = None
) -> Settings:
    """All settings. `options` are those given on the command line; None counts as not given.

    `config` is the file named by `--config`; without it, by `FLINKS_IMPORT_CONFIG`, else `flinks-import.toml` here or
    in the user's configuration folder, if there is one. `profile` is the part of it named by `--profile`; without it,
    by `FLINKS_IMPORT_PROFILE`. Raises one UsageError that tells every value and key that is wrong.
    """
    return resolve(options, environ, config, profile).settings


def resolve(
    options: Mapping[str, object], environ: Mapping[str, str], config: Path | None, profile: str | None = None
) -> Resolved:
    """The same, with where each setting came from."""
    path = config_file.find(config, environ)
    file = config_file.read(path, profile or environ.get(PROFILE_VARIABLE, ""), parsers())
    mistakes = list(file.mistakes)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for setting in fields(Settings):
        name = setting.name
        given = _given(name, options, environ)
        if given is None:
            value, origins[name] = file.values.get(name, (setting.default, DEFAULT))
            if name in PLACES and path is not None:
                value = anchored(str(value), path.absolute().parent)
            values[name] = value
            continue
        value, origins[name] = given
        try:
            values[name] = setting.metadata["parse"](value)
        except kinds.InvalidValue as wanted:
            mistakes.append(config_file.bad_value(name, origins[name], wanted))
            continue
        if name == "journal" and origins[name].source is Source.VARIABLE and _is_relative(values[name]):
            mistakes.append(
                UsageError(
                    "FLINKS_IMPORT_JOURNAL is {place}, which means another journal in each folder. Give its full path.",
                    place=without_password(values[name]),
                )
            )
    if mistakes:
        raise all_of(mistakes)
    return Resolved(Settings(**values), origins, file.path, file.profile, file.profiles)


def _given(name: str, options: Mapping[str, object], environ: Mapping[str, str]) -> tuple[object, Origin] | None:
    """What the command line says, else the environment."""
    if options.get(name) is not None:
        return options[name], Origin(Source.OPTION, f"--{name.replace('_', '-')}")
    for variable in (_prefixed(name), variable_of(name)):
        if environ.get(variable):
            return environ[variable], Origin(Source.VARIABLE, variable)
    return None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like ours and are none, most likely misspelt: each with the nearest that is, or "".

    Without our prefix only those count that are near to one of ours: another program may have its own FLINKS_….
    """
    ours = {name for setting in fields(Settings) for name in (_prefixed(setting.name), variable_of(setting.name))}
    ours |= {config_file.CONFIG_VARIABLE, PROFILE_VARIABLE, NOTIFY_VARIABLE}
    found = {}
    for name in sorted(environ):
        if name.startswith("FLINKS_") and name not in ours:
            near = get_close_matches(name, ours, n=1, cutoff=0.85)
            if near or name.startswith(ENVIRONMENT_PREFIX):
                found[name] = near[0] if near else ""
    return found


def shown(name: str, value: object) -> str:
    """A setting's value as a person may see it: secrets are masked, also the password of a database's URL."""
    setting = next(setting for setting in fields(Settings) if setting.name == name)
    match value:
        case None | "":
            return ""
        case _ if setting.metadata["secret"]:
            return MASK
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return without_password(str(value))


def password_of(settings: Settings) -> str:
    """The API password, from the environment or the file that is named for it.

    Raises UsageError when the file can't be read.
    """
    if settings.password or not settings.password_file:
        return settings.password
    try:
        return Path(settings.password_file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            "Can't read the password file {path}. Check the path in FLINKS_PASSWORD_FILE and that you can read it.",
            path=settings.password_file,
        ) from None


def data_folder() -> Path:
    """Where the journals are kept unless a setting says otherwise."""
    return user_data_path("flinks-import")


def environment_name(settings: Settings, *, in_sandbox: bool) -> str:
    """By what journal and reports name where requests go: the base URL, or `sandbox`."""
    return SANDBOX if in_sandbox else settings.base_url.rstrip("/")


def default_journal(environment: str) -> str:
    """The journal of an environment: the sandbox's is apart, so that play and money never mix."""
    name = "sandbox-journal.sqlite" if environment == SANDBOX else "journal.sqlite"
    return str(data_folder() / name)
