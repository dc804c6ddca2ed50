"""`login`: the credentials of a base URL in the system's keyring, by the optional package `keyring`.

User and password are one entry, so that they can't be of two people. Each base URL has its own: the sandbox's
credentials are never sent to production.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

from pipeline.domain.errors import UsageError

SERVICE: Final = "flinks-import"


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """Credentials as the keyring has them."""

    username: str = field(repr=False)
    password: str = field(repr=False)


def keep(base_url: str, credentials: KeyringEntry) -> None:
    """Keep credentials, in the place of those that were kept for this base URL before.

    Raises UsageError without a keyring that can be used.
    """
    if not credentials.username or not credentials.password:
        raise UsageError(
            "A user name and a password are required. Nothing was kept. Type them at the "
            "prompt, or send them on standard input, one per line."
        )
    keyring = _needed()
    entry = json.dumps({"username": credentials.username, "password": credentials.password})
    try:
        keyring.set_password(SERVICE, base_url, entry)
    except Exception as error:  # noqa: BLE001 - each keyring has its own errors
        raise _refused(error) from None


def is_there() -> bool:
    """Whether this system has a keyring that can be used."""
    return _keyring() is not None


def kept(base_url: str) -> KeyringEntry | None:
    """The credentials that the keyring has for this base URL; None without, or when it can't be asked."""
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        entry = json.loads(keyring.get_password(SERVICE, base_url) or "null")
        return KeyringEntry(entry["username"], entry["password"]) if entry else None
    except Exception:  # noqa: BLE001 - a keyring that is locked or broken has nothing for us
        return None


def forget(base_url: str) -> bool:
    """Remove the credentials of this base URL; False when there were none.

    Raises UsageError without a keyring that can be used.
    """
    keyring = _needed()
    if kept(base_url) is None:
        return False
    try:
        keyring.delete_password(SERVICE, base_url)
    except Exception as error:  # noqa: BLE001 - each keyring has its own errors
        raise _refused(error) from None
    return True


def _needed() -> ModuleType:
    keyring = _keyring()
    if keyring is None:
        raise UsageError(
            "There is no system keyring here. Put the password in a file that only you can "
            "read and name it in FLINKS_PASSWORD_FILE, or install flinks-import[keyring] on "
            "a system with a keyring."
        )
    return keyring


def _refused(error: Exception) -> UsageError:
    return UsageError(
        "The system keyring refused access ({error}). Unlock it and try again, or put "
        "the password in a file and name it in FLINKS_PASSWORD_FILE.",
        error=type(error).__name__,
    )


def _keyring() -> ModuleType | None:
    """The package, when it is installed and has a keyring of this system to speak to."""
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to import
        import keyring.backends.fail  # noqa: PLC0415 - as above
    except ImportError:
        return None
    try:
        usable = not isinstance(keyring.get_keyring(), keyring.backends.fail.Keyring)
    except Exception:  # noqa: BLE001 - an unknown keyring counts as none
        return None
    return keyring if usable else None
