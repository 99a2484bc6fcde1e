"""Checkpoints on disk: whole or not there."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import write_atomically
from recipe_widgets.core.validation import validated, whole

MAGIC = b"recipe checkpoint 1\n"  # then 32 bytes of sha256, then what torch.save wrote
KEEP = 3


class Checkpoints:
    """The checkpoints of one run in one folder: the newest `keep` and the best.

    A file is written beside its place, flushed to the disk and moved there in one step, and it
    carries a sha256 of all
    its bytes: after a crash at any moment the files of before are still there, and half a file is
    never believed. One process at a time may write.
    """

    @validated
    def __init__(self, folder: str | os.PathLike[str],
                 keep: Annotated[int, whole(1)] = KEEP) -> None:
        self.folder, self.keep = Path(folder), keep
        self.broken: list[str] = []  # names of files that `newest` found not to be whole

    def prepare(self) -> None:
        """Raises RecipeError: the folder cannot be made; better before the first step than after
        it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError("Folder for checkpoints",
                              found=f"{self.folder} ({error.strerror or error})",
                              expected="a folder that can be made") from None

    @validated
    def path(self, step: Annotated[int, whole(0)]) -> Path:
        return self.folder / f"step-{step:09d}.ckpt"

    def steps(self) -> list[int]:
        """Steps done of the files that are there, newest first; whole or not."""
        names = (path.stem.removeprefix("step-") for path in self.folder.glob("step-*.ckpt"))
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    @validated
    def save(self, step: Annotated[int, whole(0)], state: dict[str, Any],
             best: Annotated[int, whole(-1)] = -1) -> Path:
        """Write `state` after `step` steps, then drop what is neither among the newest nor the one
        after `best` steps.

        Files of later steps are dropped too: they belong to a past that this run went back from.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for torn in self.folder.glob(".step-*.part"):  # of a writer that was killed
                torn.unlink(missing_ok=True)
            write_atomically(self.path(step), packed(state))
            later = [other for other in self.steps() if other > step]
            for old in later + self._too_old(step, best):
                self.path(old).unlink(missing_ok=True)
        except OSError as error:
            raise RecipeError(
                "Checkpoint", found=f"{self.path(step)} ({error.strerror or error})",
                expected="room and the right to write there",
                mend="The checkpoints before it are untouched; make room, then resume.") from None
        return self.path(step)

    def _too_old(self, newest: int, best: int) -> list[int]:
        older = [step for step in self.steps() if step <= newest][self.keep:]
        return [step for step in older if step != best]

    @validated
    def newest(self, needs_best: bool = False) -> dict[str, Any] | None:
        """The state of the newest whole checkpoint, or None. Files that are not whole are skipped
        and noted in `broken`.

        With `needs_best` the checkpoint of its best look must be whole too; its weights come along
        as "best_weights".
        """
        for state in self._whole():
            if not needs_best:
                return state
            step = state["parts"]["best"]["step"] + 1  # steps done then; 0: no look yet
            best = state if step in (0, state["done"]) else self.read(step)
            if best is not None:
                # what was judged: the averaged weights where there are any
                judged = best["parts"].get("average", best["parts"])["model"]
                state["best_weights"] = judged if step else None
                return state
        return None

    def _whole(self) -> Iterator[dict[str, Any]]:
        for step in self.steps():
            state = self.read(step)
            if state is not None:
                yield state

    @validated
    def read(self, step: Annotated[int, whole(0)]) -> dict[str, Any] | None:
        """The state after `step` steps; None where the file is missing or not whole."""
        path = self.path(step)
        try:
            return unpacked(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.broken.append(f"{path.name} ({error})")
            return None


def packed(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()  # in memory first: the checksum goes before the bytes
    torch.save(state, buffer)
    body = buffer.getbuffer()
    return b"".join((MAGIC, hashlib.sha256(body).digest(), body))


def unpacked(content: bytes) -> dict[str, Any]:
    """The state in a file's bytes, read with `weights_only=True`: a file from elsewhere can do no
    harm.

    Raises:
        ValueError: not a checkpoint, or not a whole one.
    """
    start = len(MAGIC) + hashlib.sha256().digest_size
    body = memoryview(content)[start:]
    if content[:len(MAGIC)] != MAGIC:
        raise ValueError("no checkpoint of this version")
    if hashlib.sha256(body).digest() != content[len(MAGIC):start]:
        raise ValueError("not whole: its checksum is another")
    try:
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader falls over hostile bytes in many ways
        raise ValueError(
            f"not readable: {(str(error).splitlines() or [type(error).__name__])[0]}") from None
    if not isinstance(state, dict):
        raise ValueError("no state of a run")
    return state
