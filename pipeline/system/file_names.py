"""Names of files as text: on most systems a name is bytes, and not always UTF-8."""

import os
from pathlib import PurePath


def readable(name: str | PurePath) -> str:
    r"""A name or path that can be stored and shown: a byte that is no UTF-8 becomes its number, as `\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
