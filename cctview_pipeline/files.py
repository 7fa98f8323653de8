"""Files of this machine's disk, whole or not at all."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cctview_pipeline.errors import StorageError


def made_folder(path: Path) -> Path:
    """A folder that a command is to write to, made where it is not there. Raises CctviewError where a file is in its way; what
    else a disk says is told where commands end."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # of a file system that is not for files, such as /proc
        raise StorageError(f"{path} can be no folder on its disk: name another place.") from error
    except (FileExistsError, NotADirectoryError) as error:
        file = next((each for each in (path, *path.parents) if os.path.lexists(each) and not each.is_dir()), path)
        raise StorageError(f"{path} can be no folder, because {file} is a file: name another place.") from error
    return path


def write_whole(path: Path, content: bytes, mode: int | None = None, synced: bool = True) -> None:
    """A file that is there with all of its content, or is as it was before: after a kill, and, synced, after a power cut, which
    takes some milliseconds more. mode: its rights, those of any new file when left out. Raises OSError."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if synced:
        sync_directory(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder that is there with everything that was written into it, or not at all: what is yielded lies beside it until
    then. Raises CctviewError where something is there already, unless it is an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise StorageError(f"{path} is there already and not empty: name another place, or take away what is there.")
    made_folder(path.absolute().parent)
    partial = path.absolute().parent / f".{path.absolute().name}.{os.getpid()}.{threading.get_ident()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for folder in (partial, *(each for each in partial.rglob("*") if each.is_dir())):
            sync_directory(folder)
        partial.replace(path)  # an empty folder gives way
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_directory(path.absolute().parent)


def sync_directory(directory: Path) -> None:
    """What was created, renamed or deleted in it outlasts a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
