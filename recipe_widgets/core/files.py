"""Files that are whole or not there, and the folder where the package keeps a reader's work."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TextIO

import platformdirs

from recipe_widgets.core.errors import RecipeError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, also after a crash, sees all of the new content or all of the
    old.

    Of two that write at the same time the last one wins, whole. What is no file, such as
    /dev/stdout, is written to as it is; through a link goes what it leads to. Texts as UTF-8.

    Raises: OSError: as writing does; the old file is untouched then, and no part of the new one
        takes up room.
    """
    content = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():  # a pipe or device: nothing to put in its place
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))  # replacing a link would cut it off from its target
    # process and thread in the name: two that write at once have a part each
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # before the new name: else a crash may leave it empty
        os.replace(part, path)
    except BaseException:  # also when interrupted: no part stays behind
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # the name itself is an entry of the folder
        finally:
            os.close(handle)


def save_file(path: Path, content: bytes | str, what: str = "Output file", mend: str = "") -> None:
    """`write_atomically` for a file that a reader asked for. Raises: RecipeError: it cannot be
    written.
    """
    try:
        write_atomically(path, content)
    except (OSError, ValueError) as error:  # ValueError: no file system takes such a name
        raise RecipeError(what, found=f"{path} ({getattr(error, 'strerror', None) or error})",
                          expected="a file that can be written", mend=mend) from None


def printable(text: str, stream: TextIO) -> str:
    """`text` with a question mark for what the stream's encoding lacks: a pipe on Windows knows
    no check marks.
    """
    # a StringIO has no encoding and takes all
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def state_folder() -> Path:
    """The folder for logs, answers and labels: `RECIPE_STATE`, or the user's state folder. It is
    made when missing.
    """
    folder = Path(
        os.environ.get("RECIPE_STATE")
        or platformdirs.user_state_dir("recipe_widgets", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            "State folder", found=f"{folder} ({error.strerror})",
            expected="a folder that can be written",
            mend="Name another one in the environment variable RECIPE_STATE.") from None
    return folder
