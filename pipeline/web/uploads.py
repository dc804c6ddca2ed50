"""The private folder of the page: sheets that were dropped, by their bytes, and what is made of them."""

from __future__ import annotations

import os
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from starlette.datastructures import UploadFile

from pipeline.domain.errors import InputError
from pipeline.reader.formats import MAX_BYTES

_PIECE: Final = 1 << 20
_LONGEST: Final = 200
"""Bytes of a file's name that are kept: every file system takes 255, and outputs add to it."""
_NOT_IN_A_NAME: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f]+')


def keep(folder: Path, upload: UploadFile) -> Path:
    """Keep an uploaded sheet, readable by its owner only; the same bytes under the same name are kept once.

    Raises InputError for a form without a file, and for one beyond the reader's bounds.
    """
    if not upload.filename:
        raise InputError("Choose a file first.")
    return keep_file(folder, upload.filename, upload.file)


def keep_file(folder: Path, name: str, content: BinaryIO) -> Path:
    """The same for any content."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f"{os.getpid()}-{id(content)}.part"
    digest, size = sha256(), 0
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            while piece := content.read(_PIECE):
                size += len(piece)
                if size > MAX_BYTES:
                    raise InputError(
                        "The file is larger than {most} GB. Split it into several sheets.", most=MAX_BYTES >> 30
                    )
                digest.update(piece)
                file.write(piece)
        place = folder / digest.hexdigest() / plain_name(name)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return place


def find(folder: Path, digest: str, name: str) -> Path | None:
    """The sheet of these bytes, if it is here: somebody else's may be on another computer."""
    place = folder / digest / plain_name(name)
    if place.is_file():
        return place
    others = [file for file in (folder / digest).glob("*") if file.is_file() and ".results" not in file.name]
    return others[0] if others else None


def remove(folder: Path, digest: str) -> None:
    """Remove a sheet and what was made beside it."""
    shutil.rmtree(folder / digest, ignore_errors=True)


def plain_name(name: str) -> str:
    """The name of an uploaded file without folders, and with nothing that means something to a file system."""
    text = _NOT_IN_A_NAME.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(" .")
    stem, dot, ending = text.rpartition(".")
    if not dot:
        stem, ending = text, ""
    while len(f"{stem}{dot}{ending}".encode()) > _LONGEST and stem:
        stem = stem[:-1]
    return f"{stem}{dot}{ending}" or "sheet"
