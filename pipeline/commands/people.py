"""Who somebody is: what the system and the journal's database know.

The rule by which two names are one person is in `pipeline/domain/approval.py`.
"""

from __future__ import annotations

import getpass

from sqlalchemy import Connection

from pipeline.domain.approval import UNKNOWN_USER, Person
from pipeline.journal import plans


def user() -> str:
    """The name under which this person is logged in, or `-` where the system does not know one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return UNKNOWN_USER


def person(connection: Connection) -> Person:
    """Whoever runs this program on the journal of this connection."""
    return Person(user(), plans.database_user(connection))
