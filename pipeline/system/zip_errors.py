"""What comes of opening a zip, or a workbook, that somebody else has made and perhaps damaged."""

from __future__ import annotations

import zipfile
import zlib
from typing import Final

ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, RuntimeError, ValueError)
"""KeyError for a part that is not there, RuntimeError for one that is locked or packed in a way that is not known."""
