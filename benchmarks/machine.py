"""What the figures were taken on: without names of hosts, users or places."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

_PARTS: Final = (
    "httptools", "httpx", "msgspec", "openpyxl", "pandas", "pandera", "python-calamine", "sqlalchemy", "xlsxwriter",
)  # fmt: skip
_GB: Final = 1 << 30


def described() -> dict[str, str]:
    """The machine and the versions of what counts."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "parts": ", ".join(f"{name} {version(name)}" for name in _PARTS),
        "load when it began": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / _GB:.0f} GB"
