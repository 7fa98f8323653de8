"""Fetching weights that cannot be shipped, from the URL in models/manifest.toml.

What arrives is kept beside its final name until all of it is there and has the right hash, so that a stopped download goes
on where it was and nobody loads half a file. Of some files nobody published the hash, or only its first digits: they are
pinned, that is, the manifest gets the hash and the size of what came first, and every other file is refused from then on.
"""

from collections.abc import Callable
from pathlib import Path

import httpx

from cctview_pipeline.errors import CctviewError, ModelError
from cctview_pipeline.registry.manifest import ModelEntry, file_hash, pin_file, read_facts

TIMEOUT = httpx.Timeout(30.0)
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def pull(entry: ModelEntry, advance: Callable[[int, int], None] = lambda done, total: None) -> bool:
    """Fetch a model's file unless it is there and whole, and pin it. Returns whether anything was fetched.

    advance: called with the bytes there are and the bytes there will be, 0 when the server does not say. Raises CctviewError, in
    one sentence, when there is no URL, no answer, or something else arrives than the file.
    """
    facts = read_facts(entry)
    url, size = facts.get("url"), facts.get("size")
    if entry.path.exists() and file_hash(entry.path).startswith(entry.sha256):
        _pin(entry)
        return False
    if not url:
        raise ModelError(f"The model '{entry.name}' is shipped with the project and has no URL: restore {entry.path} from git.")
    partial = entry.path.with_name(entry.path.name + ".partial")
    if partial.exists() and (size is None or partial.stat().st_size > size):
        partial.unlink()  # without a size nobody knows what is missing
    if size is None or not partial.exists() or partial.stat().st_size < size:
        _download(entry.name, url, partial, size, advance)
    if not file_hash(partial).startswith(entry.sha256):
        partial.unlink()
        raise ModelError(
            f"What {url} gives is not '{entry.name}': its SHA-256 is not the one in the manifest. Nothing was kept; try again, "
            f"or put the right file at {entry.path} yourself."
        )
    partial.replace(entry.path)
    _pin(entry)
    return True


def _pin(entry: ModelEntry) -> None:
    if not entry.pinned:
        pin_file(entry)


def _download(name: str, url: str, partial: Path, size: int | None, advance: Callable[[int, int], None]) -> None:
    partial.parent.mkdir(parents=True, exist_ok=True)
    done = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as answer:
            if answer.status_code not in (200, 206):
                raise ModelError(
                    f"{url} answers {answer.status_code} {answer.reason_phrase}: '{name}' cannot be fetched from there."
                )
            if answer.status_code == 200:
                done = 0  # it does not know ranges, or the range has gone
            total = size or int(answer.headers.get("Content-Length", 0))
            with partial.open("ab" if done else "wb") as file:
                for chunk in answer.iter_bytes(1 << 20):
                    if done == 0:
                        _check_beginning(name, url, chunk, answer.headers.get("Content-Type", ""))
                    file.write(chunk)
                    done += len(chunk)
                    if size is not None and done > size:
                        break
                    advance(done, total)
    except CctviewError:
        partial.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise ModelError(f"{partial} can't be written: {error.strerror}. Make room, or choose another disk.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if size is None or (partial.exists() and not partial.stat().st_size):
            partial.unlink(missing_ok=True)
        kept = "What arrived is kept; the same command goes on" if partial.exists() else "Nothing was kept; try again"
        raise ModelError(
            f"'{name}' could not be fetched from {url}: {_why(error)}. {kept}, or put the file at "
            f"{partial.with_suffix('')} yourself."
        ) from error
    if size is not None and done != size:
        if done > size:
            partial.unlink()
        raise ModelError(f"{url} gave {done:,} bytes of '{name}', which has {size:,}: the same command tries again.")


def _why(error: Exception) -> str:
    """In our own words: the system's differ from one machine to the next."""
    words = {
        httpx.TimeoutException: "nothing came for too long",
        httpx.ConnectError: "there is no connection",
        httpx.TooManyRedirects: "it leads from one address to the next without an end",
        httpx.RemoteProtocolError: "it ended before all of it was there, or is no HTTP",
        httpx.InvalidURL: "that is no address",
        httpx.UnsupportedProtocol: "that is no address of http or https",
    }
    return next((said for kind, said in words.items() if isinstance(error, kind)), "the connection broke")


def _check_beginning(name: str, url: str, chunk: bytes, kind: str) -> None:
    if chunk.startswith(LFS_POINTER):
        raise ModelError(f"{url} gives a Git LFS pointer instead of the weights of '{name}': use the URL of the file itself.")
    if kind.startswith("text/html") or chunk.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        raise ModelError(f"{url} gives a web page instead of the weights of '{name}': look at it in a browser.")
