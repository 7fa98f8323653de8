"""The zip files of an archive: their entries, and the bytes of one without taking the others with it."""

import errno
import io
import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cctview_pipeline.cameras.unreadable import Unreadable, too_large
from cctview_pipeline.limits import PICTURE_BYTES, ZIP_ENTRIES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ENCRYPTED = 0x1
"""In an entry's flags (APPNOTE.TXT of PKWARE, 4.4.4)."""

_END = 22 + (1 << 16)
"""Bytes of the record at the list's end, with the longest comment."""
_NOWHERE = ("", ".", "..")


@dataclass(frozen=True)
class Entry:
    """parts: folders and name, as a path inside the zip; read: gives its bytes, or raises Unreadable."""

    parts: tuple[str, ...]
    is_folder: bool
    read: Callable[[], bytes]


class Zip:
    """A zip file's entries. No handle is held: an archive may have thousands of zips."""

    def __init__(self, path: Path) -> None:
        """Raises Unreadable, with a reason of UNUSED, where no list of entries can be had."""
        self._name = path.name
        try:
            if _is_part(_OpenedToRead(path)):
                raise Unreadable("split_zip", "It is one part of several.")
            self._file = zipfile.ZipFile(_OpenedToRead(path))
        except Unreadable:
            raise
        except OSError as error:
            raise Unreadable("unreadable_zip", str(Unreadable.of(error))) from error
        except Exception as error:  # other people's bytes meet a library: whatever it stumbles over, this zip is the only one
            raise Unreadable("damaged_zip", "Its list of entries is damaged, or not there yet.") from error
        if not ZIP_ENTRIES.allows(len(self._file.infolist())):
            raise Unreadable("unreadable_zip", ZIP_ENTRIES.says(len(self._file.infolist())))

    @property
    def entries(self) -> list[Entry]:
        found = ((info, _parts(info.filename)) for info in self._file.infolist())
        return [Entry(parts, info.is_dir(), partial(self._read, info)) for info, parts in found if parts]

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        where = f"of the entry in {self._name}"
        if _leads_out(info.filename):
            raise Unreadable("unreadable", f"The path {where} leads out of it.")
        if info.is_dir():
            raise Unreadable("unreadable", "It is a folder, not a file.")
        if info.flag_bits & _ENCRYPTED:
            raise Unreadable("unreadable", f"The bytes {where} are encrypted: unpack it with its password.")
        PICTURE_BYTES.check(info.file_size, too_large)
        try:
            entry = self._file.open(info)
        except NotImplementedError as error:
            raise Unreadable("unreadable", f"The compression {where} is not known (method {info.compress_type}).") from error
        except OSError as error:
            raise Unreadable.of(error) from error
        except Exception as error:
            raise Unreadable("unreadable", f"The header {where} is damaged.") from error
        try:
            with entry:
                return entry.read(int(PICTURE_BYTES.most) + 1)  # one more, so that the end is met and the checksum looked at
        except zipfile.BadZipFile as error:
            raise Unreadable("unreadable", f"The bytes {where} are damaged: their checksum is another.") from error
        except OSError as error:
            raise Unreadable.of(error) from error
        except Exception as error:
            raise Unreadable("unreadable", f"The compressed bytes {where} are damaged.") from error


def _is_part(file: "_OpenedToRead") -> bool:
    """The last of several: the record at the list's end (APPNOTE.TXT, 4.3.16) counts the disks before it."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
    tail = file.read(_END)
    disks = tail[(at := tail.rfind(b"PK\5\6")) + 4 : at + 6] if b"PK\5\6" in tail else b""
    return disks not in (b"", b"\0\0", b"\xff\xff")


def _parts(name: str) -> tuple[str, ...]:
    """The folders of an entry and its name. Whoever packed on Windows may have written backslashes."""
    return tuple([part for part in printable(name.replace("\\", "/")).split("/") if part not in _NOWHERE])


def printable(name: str) -> str:
    """A name that a table and a terminal can take: bytes that are no text, and line ends, as escapes."""
    return name if name.isprintable() else repr(name)[1:-1]


def _leads_out(name: str) -> bool:
    """Nothing is ever unpacked, but whoever wrote an absolute path or ``..`` meant no good."""
    name = name.replace("\\", "/")
    return name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/")


class _OpenedToRead(io.RawIOBase):
    """A file that is open only while it is read."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "no regular file")
        self._size, self._at = status.st_size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise OSError(errno.EINVAL, "a place before the file's beginning")  # which zipfile expects of small files
        self._at = at
        return at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with open(self.name, "rb", buffering=0) as file:
            file.seek(self._at)
            count = file.readinto(buffer)
        self._at += count
        return count
