"""Files whose bytes can't be had, and why, in our own words: the system's differ from one machine to the next."""

import errno
import os
import stat
from pathlib import Path

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import PICTURE_BYTES

_WORDS = {
    errno.ENOENT: "It was there when the archive was listed and is gone, or is a link that leads nowhere.",
    errno.ENOTDIR: "It was there when the archive was listed and is gone.",
    errno.EISDIR: "It is a folder, not a file.",
    errno.EACCES: "Reading it is not permitted.",
    errno.EPERM: "Reading it is not permitted.",
    errno.ELOOP: "It is a link that leads back to itself.",
    errno.ENXIO: "It is no file that can be read.",
    errno.EIO: "The disk reports an error while reading it.",
}


class Unreadable(CctviewError):
    """A file whose bytes can't be had. reason: as rejected_frames or Unused name it; the message is one sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason

    @classmethod
    def of(cls, error: OSError) -> "Unreadable":
        number = error.errno or 0
        name = errno.errorcode.get(number, "unknown")
        return cls("unreadable", _WORDS.get(number, f"The system can't read it ({name})."))


def read_file(path: Path) -> bytes:
    """A picture's file. Raises Unreadable for what is no regular file, has too many bytes, is gone or may not be read."""
    return _read(path, int(PICTURE_BYTES.most), PICTURE_BYTES.most)


def _read(path: Path, size: int, most: float) -> bytes:
    try:
        # Without waiting: opening a pipe that is named like a picture would wait for somebody to write into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("unreadable", "It is a pipe, a socket or a device, not a file.")
            if status.st_size > most:
                PICTURE_BYTES.check(status.st_size, too_large)
            return file.read(size)
    except OSError as error:
        raise Unreadable.of(error) from error


def read_head(path: Path, size: int) -> bytes:
    """The first bytes of a picture's file, whatever its size. Raises Unreadable as read_file does."""
    return _read(path, size, float("inf"))


def too_large(detail: str) -> Unreadable:
    """What a limit raises for a file of too many bytes."""
    return Unreadable("too_large", detail)
