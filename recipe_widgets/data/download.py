"""Downloads that survive a broken connection, a full disk and a second process that wants the
same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from recipe_widgets.core import RecipeError

_BLOCK = 2**18  # bytes per read: small enough for a lively bar
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Remote:
    """A file to download: its name below the base address, its length in bytes, and its digest
    as "sha256:...".
    """

    file: str
    size: int
    digest: str

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` is this one."""
        kind, expected = self.digest.split(":")
        # for integrity, not for secrets: archives state md5, which some systems allow only so
        with path.open("rb") as file:
            found = hashlib.file_digest(
                file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
        return found == expected


def fetch(remote: Remote, base: str, folder: Path) -> Path:
    """The file in `folder`; downloaded from `base` when it is not there yet.

    A `.part` file left by a break is continued where it ends. The finished file is checked, then
    put in place in one move; a second process that wants it waits for the first.

    Raises:
        RecipeError: no network, a wrong file, or a folder that cannot be written; says what to put
            where.
    """
    path = folder / remote.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return _trusted(remote, path)
        with _alone(folder / f"{remote.file}.lock") as alone:
            if not path.exists():  # else another process was faster
                part = path.with_name(f"{remote.file}.part" if alone else _own_name(remote.file))
                _complete(remote, base, part)
                os.replace(part, path)
        return path
    except OSError as error:
        raise RecipeError(
            f"Download of {remote.file}", found=f"{folder} ({error.strerror or error})",
            expected="a folder that can be written",
            mend="Make room, or name another folder in the environment variable RECIPE_DATA."
        ) from None


def _trusted(remote: Remote, path: Path) -> Path:
    if not remote.matches(path):
        raise RecipeError(str(path), found=f"{path.stat().st_size} bytes with another digest",
                          expected=remote.digest, mend="Delete this file and load again.")
    return path


def _complete(remote: Remote, base: str, part: Path) -> None:
    """Fill `part` until it is the whole file; goes on after a break as long as each attempt
    brings more of it.
    """
    problem, best, spoiled = "", -1, 0
    while (length := _length(part)) != remote.size or not remote.matches(part):
        # wrong or too long: nothing to continue; worth one more try from the beginning
        if length >= remote.size:
            part.unlink()
            problem = "a file that is not the expected one"
            length, best, spoiled = 0, -1, spoiled + 1
        if length <= best or spoiled > 1:  # the last attempt brought nothing new
            raise RecipeError(f"Download of {base}{remote.file}",
                              found=problem or "a connection that broke off",
                              expected=f"{remote.size} bytes with {remote.digest}",
                              mend=_how_to_go_on(remote, part.parent))
        best, problem = length, _attempt(remote, base, part, length)


def _attempt(remote: Remote, base: str, part: Path, start: int) -> str:
    """One request, for what is missing after `start` bytes; returns what went wrong on the way,
    if anything did.
    """
    request = urllib.request.Request(base + remote.file, headers={"User-Agent": "recipe_widgets"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as reply:
            _receive(reply, remote, part, start)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # the server has less than we do: not the same file
            part.unlink()
        return f"{error.code} {error.reason}"
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, ConnectionError,
            TimeoutError) as error:
        return str(getattr(error, "reason", "") or error or type(error).__name__)
    return ""


def _receive(reply: Any, remote: Remote, part: Path, start: int) -> None:
    from tqdm import tqdm

    sent = reply.headers.get("Content-Range", "")
    goes_on = reply.status == 206 and sent.startswith(f"bytes {start}-")  # 206: partial content
    start = start if goes_on else 0  # a server that ignores Range sends the file from its beginning
    bar = tqdm(desc=remote.file, total=remote.size, initial=start, unit="B", unit_scale=True,
               leave=False)
    with bar, part.open("ab" if goes_on else "wb") as file:
        _pour(reply, file, remote.size - start, bar)


def _pour(reply: Any, file: IO[bytes], missing: int, bar: Any) -> None:
    """Copy at most one byte more than is missing: enough to see that a file is too long."""
    while missing >= 0 and (block := reply.read(min(_BLOCK, missing + 1))):
        file.write(block)
        missing -= len(block)
        bar.update(len(block))


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _own_name(file: str) -> str:
    return f"{file}.{os.getpid()}-{threading.get_ident()}.part"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold a lock that the system lets go of when the process dies; yields False where there are
    no such locks.
    """
    with path.open("a+b") as file:
        if (state := _try_lock(file)) == "held":
            print(f"Another process downloads {path.stem}; waiting for it.")
        while state == "held":
            time.sleep(0.2)  # seconds
            state = _try_lock(file)
        yield state == "mine"


def _try_lock(file: IO[bytes]) -> str:
    """ "mine", "held" by another, or "none" on a file system without locks."""
    try:
        if os.name == "nt":
            import msvcrt

            fileno, kind = file.fileno(), msvcrt.LK_NBLCK  # type: ignore[attr-defined,unused-ignore]
            msvcrt.locking(fileno, kind, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return "held" if isinstance(error, BlockingIOError) or os.name == "nt" else "none"
    return "mine"


def _how_to_go_on(remote: Remote, folder: Path) -> str:
    return (f"Load again to go on where it broke off; or fetch {remote.file} by another way and "
            f"put it into {folder} (the environment variable RECIPE_DATA names another folder).")
