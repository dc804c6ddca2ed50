"""The set-up: the few settings that a person needs, where each stands, and changing them in the settings file.

What a variable or an option says is shown and can't be changed here. A password goes to the system's keyring and
nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.commands import journal
from pipeline.commands.config import keep_settings, own_file
from pipeline.config import login
from pipeline.config.config_file import DEFAULT, Origin, Source
from pipeline.config.kinds import InvalidValue
from pipeline.config.login import KeyringEntry
from pipeline.config.passwords import has_password, without_password
from pipeline.config.settings import Resolved, Settings, anchored, parsers, password_of
from pipeline.domain.errors import RunError
from pipeline.journal import database
from pipeline.messages import N_, Message
from schemas.languages import Lang

FIELDS: Final = ("base_url", "username", "password_file", "reference_names", "send_link", "journal", "lang")
"""The settings of the set-up, by their names."""
PASSWORD: Final = "password"  # noqa: S105 - the name of a field
CREATE_JOURNAL: Final = "create_journal"


class PasswordPlace(StrEnum):
    """Where the API password comes from."""

    VARIABLE = "variable"
    FILE = "file"
    KEYRING = "keyring"
    NONE_YET = "none yet"
    """The keyring has none for this address."""
    NO_KEYRING = "no keyring"


@dataclass(frozen=True, slots=True)
class SetupField:
    """A setting as a person may see it, and where it comes from."""

    name: str
    value: str
    origin: Origin

    @property
    def can_change(self) -> bool:
        """Whether the settings file decides: a variable or an option overrides it."""
        return self.origin.source in {Source.FILE, Source.DEFAULT}


@dataclass(frozen=True, slots=True)
class Setup:
    """The set-up as it is. `path` is the settings file that a change is written to, `profile` the part in use."""

    fields: Mapping[str, SetupField]
    password: PasswordPlace
    path: Path
    profile: str
    settings: Settings

    @property
    def lacks_journal(self) -> bool:
        """Whether the journal that is named is not there: the only one that a run does not make by itself."""
        try:
            return bool(self.settings.journal) and not database.is_there(self.settings.journal)
        except RunError:
            return False  # Something else is wrong with it: the checks say what.


@dataclass(frozen=True, slots=True)
class Wanted:
    """The set-up as a person wants it: what is empty is taken away. An empty password stays as it is."""

    texts: Mapping[str, str]
    password: str = field(default="", repr=False)
    create_journal: bool = False


def look(resolved: Resolved) -> Setup:
    """The set-up as it is. Raises UsageError when the password file can't be read."""
    settings = resolved.settings
    place, username = _password(settings)
    values = {
        "base_url": settings.base_url,
        "username": username,
        "password_file": settings.password_file,
        "reference_names": settings.reference_names,
        "send_link": "yes" if settings.send_link else "no",
        "journal": without_password(settings.journal),
        "lang": settings.lang,
    }
    fields = {name: SetupField(name, values[name], resolved.origins.get(name, DEFAULT)) for name in FIELDS}
    return Setup(fields, place, resolved.config or own_file(), resolved.profile, settings)


def _password(settings: Settings) -> tuple[PasswordPlace, str]:
    """Where the password comes from, and whose it is."""
    if settings.password:
        return PasswordPlace.VARIABLE, settings.username
    if settings.password_file:
        return PasswordPlace.FILE, settings.username
    if not login.is_there():
        return PasswordPlace.NO_KEYRING, settings.username
    entry = login.kept(settings.base_url.rstrip("/")) if settings.base_url else None
    if entry is None or settings.username not in {"", entry.username}:
        return PasswordPlace.NONE_YET, settings.username
    return PasswordPlace.KEYRING, entry.username


def change(setup: Setup, wanted: Wanted, lang: Lang) -> dict[str, Message]:
    """Change the set-up; returns what is wrong, by field, and then nothing was changed.

    Raises RunError when the keyring, the settings file or the journal refuses.
    """
    change = _Change(setup, wanted)
    if change.mistakes:
        return change.mistakes
    if wanted.create_journal and change.new_journal:
        journal.create(change.new_journal)
    elif wanted.create_journal and "journal" not in change.values and setup.lacks_journal:
        journal.create(setup.settings.journal)
    if change.entry is not None:
        login.keep(change.base_url.rstrip("/"), change.entry)
    for profile, values in change.by_profile().items():
        keep_settings(setup.path, profile, values, lang)
    return {}


class _Change:
    """What is to be changed, and what is wrong with it. Nothing is changed here."""

    def __init__(self, setup: Setup, wanted: Wanted) -> None:
        self._setup = setup
        self._wanted = wanted
        self.mistakes: dict[str, Message] = {}
        self.new_journal = ""
        self.values: dict[str, str | None] = dict(self._changed())
        self.base_url = self._value("base_url")
        self.entry = self._entry()
        if self.values.get("journal"):
            self._check_journal(str(self.values["journal"]))
        if self.values.get("password_file"):
            self._check_password_file(str(self.values["password_file"]))

    def by_profile(self) -> dict[str, dict[str, str | None]]:
        """The values by the part of the file in which each stands."""
        found: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        for name, value in self.values.items():
            origin = self._setup.fields[name].origin
            found[origin.profile if origin.source is Source.FILE else self._setup.profile][name] = value
        return dict(found)

    def _changed(self) -> Iterator[tuple[str, str | None]]:
        """The settings that differ, as they go to the file; None for one that is taken away."""
        for name, one in self._setup.fields.items():
            text = self._wanted.texts.get(name, one.value).strip()
            if text == one.value or not one.can_change:
                continue
            if not text:
                yield name, None
                continue
            try:
                value = parsers()[name](text)
                yield name, str(value).lower() if isinstance(value, bool) else str(value)
            except InvalidValue as wrong:
                self.mistakes[name] = Message(N_("This must be {wanted}."), {"wanted": wrong.words})

    def _value(self, name: str) -> str:
        return (self.values.get(name) or "") if name in self.values else self._setup.fields[name].value

    def _entry(self) -> KeyringEntry | None:
        """What the keyring is to keep, if a password was typed; its user stands there and not in the file."""
        place, password = self._setup.password, self._wanted.password
        if place in {PasswordPlace.VARIABLE, PasswordPlace.FILE, PasswordPlace.NO_KEYRING}:
            return None
        user = self._value("username")
        if not password:
            if place is PasswordPlace.KEYRING and user != self._setup.fields["username"].value:
                self.mistakes[PASSWORD] = Message(N_("Type the password of this user too."))
            return None
        if not self.base_url and "base_url" not in self.mistakes:
            self.mistakes["base_url"] = Message(N_("Type the address: a password is kept for one address."))
        if not user:
            self.mistakes["username"] = Message(N_("Type the user: a password is kept with its user."))
        if self._setup.fields["username"].origin.source is Source.DEFAULT:
            self.values.pop("username", None)
        return KeyringEntry(user, password)

    def _check_journal(self, place: str) -> None:
        """Only a journal that is there can be used: an empty one in its place would ask every payor again."""
        if has_password(place):
            self.mistakes["journal"] = Message(
                N_("Leave the password out of the address. PostgreSQL reads it from the file .pgpass.")
            )
            return
        place = self.values["journal"] = anchored(place, self._setup.path.absolute().parent)
        try:
            if database.is_there(place):
                return
        except RunError as failure:
            self.mistakes["journal"] = Message(failure.text, failure.params)
            return
        self.new_journal = place
        if not self._wanted.create_journal:
            self.mistakes[CREATE_JOURNAL] = self.mistakes["journal"] = Message(
                N_(
                    "There is no journal {place}. Is a drive disconnected? A new journal knows of no earlier request. "
                    "Create one only if you have none yet."
                ),
                {"place": database.shown(place)},
            )

    def _check_password_file(self, path: str) -> None:
        path = anchored(path, self._setup.path.absolute().parent)
        self.values["password_file"] = path
        try:
            password_of(replace(self._setup.settings, password="", password_file=path))
        except RunError as failure:
            self.mistakes["password_file"] = Message(failure.text, failure.params)
