"""A small disk of its own, full or read-only: a tmpfs where the tests may mount one, else limits
of the process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096  # bytes: what a tmpfs counts in
SIZE = 2 * 2**20


class Disk:
    """A folder on a disk of its own where one could be mounted; `mounted` says so."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.mounted = _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=True)

    @contextlib.contextmanager
    def full(self, spare: int = 0) -> Iterator[None]:
        """No more room than `spare` pages. Without a disk of its own: no file may become larger
        than that.
        """
        if not self.mounted:
            with _limited(spare * PAGE):
                yield
            return
        filler = self.folder / "filler"
        _fill(filler)
        os.truncate(filler, max(0, filler.stat().st_size - spare * PAGE))
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        if self.mounted:
            assert _mount("-o", "remount,ro", str(self.folder))
        else:
            self.folder.chmod(0o500)
        try:
            yield
        finally:
            if self.mounted:
                assert _mount("-o", "remount,rw", str(self.folder))
            else:
                self.folder.chmod(0o700)

    @property
    def can_be_read_only(self) -> bool:
        """Root may write whatever the rights say."""
        return self.mounted or (os.name == "posix" and os.getuid() != 0)


def _mount(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    except OSError:
        return False


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        for size in (2**16, PAGE):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"\0" * size)


@contextlib.contextmanager
def _limited(most: int) -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NO_ROOM = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG))
