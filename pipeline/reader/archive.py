"""The zip container of a workbook, opened with care: nothing is unpacked before its size is bounded.

What a member's header declares is checked first, what it really unpacks to while it is read. Members that a reader will
parse as XML may not declare a document type: no workbook needs one, and entities are how an XML bomb is built.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.domain.errors import InputError
from pipeline.system.zip_errors import ZIP_ERRORS

MAX_MEMBER: Final = 1024**3
MAX_TOTAL: Final = 2 * 1024**3
"""Bytes, unpacked. A workbook full to Excel's last row with fourteen columns has about 800 MB."""
_MAX_RATIO: Final = 200
_SMALL: Final = 64 * 1024**2
"""Bytes. Real sheets shrink up to some fifty times; a small member may shrink as it likes."""

_PIECE: Final = 1 << 20
_LOCAL_HEADER: Final = struct.Struct("<26xHH")
_BLOCK: Final = 8 << 10
"""Bytes. A text that is too long has a whole block without a tag in it, whatever pieces it is in."""
_LOCKED: Final = 1


class Archive:
    """The members of a workbook's container. Raises InputError when it is damaged, locked or a bomb."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_long_text = False
        """Whether what was unpacked so far may hold a text that is too long for a cell of the results."""
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except ZIP_ERRORS:
            raise self._damaged() from None
        # Some programs write the separators of Windows.
        self._members = {member.filename.replace("\\", "/"): member for member in members}
        if len(self._members) < len(members):
            raise self._damaged()
        if any(member.flag_bits & _LOCKED for member in members):
            raise InputError(
                "{path} is password-protected. Save a copy without a password and use that.", path=str(path)
            )
        total = sum(member.file_size for member in members)
        if total > MAX_TOTAL or any(map(_is_bomb, members)):
            raise self._bomb()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> frozenset[str]:
        """The names of all members."""
        return frozenset(self._members)

    def check(self, names: Iterator[str]) -> None:
        """Unpack the members named and keep nothing: a reader may then do so without care."""
        for name in names:
            for _ in self.pieces(name):
                pass

    def read(self, name: str) -> bytes:
        """A small member whole; empty when there is none. Whoever parses it meets no document type in it."""
        whole = b"".join(self.pieces(name)) if name in self._members else b""
        if b"<!DOCTYPE" in whole.replace(b"\x00", b"") or b"<!ENTITY" in whole.replace(b"\x00", b""):
            raise InputError(
                "{path} contains a document type (DTD), which can be harmful and no workbook "
                "needs. Export the list again.",
                path=str(self.path),
            )
        return whole

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member piece by piece, at most 1 MiB each."""
        if name not in self._members:
            raise self._damaged()
        member = self._members[name]
        left = member.file_size
        first = True
        for piece in self._unpacked(member):
            left -= len(piece)
            if left < 0:
                # More than its header declares: made by hand, to get past the check of the headers.
                raise self._bomb()
            if first and b"<!DOCTYPE" in piece[:4096].replace(b"\x00", b"").upper():
                raise InputError(
                    "{path} contains a document type (DTD), which can be harmful and no workbook "
                    "needs. Export the list again.",
                    path=str(self.path),
                )
            first = False
            self.has_long_text = self.has_long_text or _has_long_run(piece)
            yield piece

    def _unpacked(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(member.header_offset)
                name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                file.seek(name_length + extra_length, 1)
                if member.compress_type == zipfile.ZIP_STORED:
                    yield from _stored(file, member.compress_size)
                elif member.compress_type == zipfile.ZIP_DEFLATED:
                    yield from _deflated(file, member.compress_size)
                else:
                    raise self._damaged()
        except (zlib.error, struct.error, EOFError, OSError):
            raise self._damaged() from None

    def _damaged(self) -> InputError:
        return InputError(
            "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again.",
            path=str(self.path),
        )

    def _bomb(self) -> InputError:
        return InputError(
            "{path} unpacks to much more than a workbook contains (limit: {limit} GB): it is "
            "damaged or malicious. Export the list again.",
            path=str(self.path),
            limit=f"{MAX_TOTAL / 1024**3:.0f}",
        )


def _has_long_run(piece: bytes) -> bool:
    """Whether some 32,767 bytes may stand without any tag between them, here or with the next piece."""
    return any(piece.find(b"<", at, at + _BLOCK) < 0 for at in range(0, len(piece) - _BLOCK + 1, _BLOCK))


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    if member.file_size > MAX_MEMBER:
        return True
    return member.file_size > _SMALL and member.file_size > _MAX_RATIO * max(1, member.compress_size)


def _stored(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


def _deflated(file: BinaryIO, size: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for packed in _stored(file, size):
        left = packed
        while left and not unpacker.eof:
            piece = unpacker.decompress(left, _PIECE)
            left = unpacker.unconsumed_tail
            if piece:
                yield piece
    if not unpacker.eof:
        raise EOFError
