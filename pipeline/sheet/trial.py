"""A first reading of a risky workbook in a process of its own.

The old binary formats carry no checksums, and on a damaged one calamine may print a trace of its own or ask for so much
memory that the whole process is ended. Neither can be caught from within, so a process that may die tries first.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_SECONDS: Final = 120
_LOCKED: Final = 3

_SCRIPT: Final = f"""
import sys
from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 * 1024**3, 4 * 1024**3))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass  # no such limits on Windows
try:
    with open(sys.argv[1], "rb") as file:
        book = CalamineWorkbook.from_filelike(file)
except PasswordError:
    sys.exit({_LOCKED})
for sheet in book.sheets_metadata:
    if sheet.typ == SheetTypeEnum.WorkSheet:
        rows = book.get_sheet_by_name(sheet.name).iter_rows()
        while True:
            try:
                next(rows)
            except StopIteration:
                break
            except OverflowError:
                pass  # one length of time beyond all bounds, which its reader deals with
"""


def can_be_read(path: Path) -> bool:
    """Whether the workbook can be read without harm. True also for a locked one: that is said by its reader."""
    command = [sys.executable, "-I", "-c", _SCRIPT, str(path.absolute())]
    try:
        trial = subprocess.run(  # noqa: S603 - our own interpreter and script, the path is an argument of its own
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode in {0, _LOCKED}
