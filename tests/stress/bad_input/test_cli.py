"""Every command with options that nobody means: a documented exit status, one clear line, never
a traceback.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from recipe_widgets import cli
from recipe_widgets.core import RecipeError
from recipe_widgets.data import Data
from tests.stress.bad_input.judge import _time_limit, world_of
from tests.stress.bad_input.subjects import few_blobs, quick
from tests.stress.tally import FULL, Tally, times

STATUSES = (0, 1, 2, 3, 130)
ODD = ("", " ", "0", "-1", "1e9", "nan", "99999999999999999999", "x", "None", "../..", "~", "a\0b",
       "\udcff", "\ud800", "ä/ö", "\n", "a" * 300, "a" * 5000, "--", "-", "[]", "{}", "%s{0}",
       "<b>", "lr", "lr=", "lr=:", "lr=1:0", "width=8|x", "=", ",,", "\ufeff", "/proc/version",
       "/proc/nowhere/x", "/dev/null", "/dev/full", "here", "latin.json", "bom.json", "deep.json",
       "list.json", "huge.json", "cut.json", "nonsense://x", "postgresql://u:secret@127.0.0.1:1/x",
       "sqlite:///", "json:loads", "os:getcwd", "math:pi", "nosuch:x", ":", "a:b:c", "..:x",
       "json:", "fail", "error", "mnist", "cifar10", "random", "tpe", "none")
# command: (words that stand first, options with a value, flags, how many arguments by position)
COMMANDS: dict[str, tuple[list[str], list[str], list[str], int]] = {
    "train": (["--settings", "good.json"], ["--settings", "--data", "--out"], ["--resume"], 0),
    "check": ([], ["--json", "--html", "--fail-on"], [], 1), "data": ([], [], [], 1), "watch":
    ([], ["--json", "--html", "--steps", "--fail-on"], [], 1), "tune":
    (["--settings", "good.json", "--trials", "1", "--knobs", "lr"], [
        "--settings", "--data", "--knobs", "--sampler", "--pruner", "--metric", "--storage",
        "--name", "--heartbeat", "--out"
    ], [], 0),
}


@pytest.fixture(autouse=True)
def _beside_odd_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own with files of all sorts, and small data under the names of the large
    sets.
    """
    deep = tmp_path / "a" / "b" / "c"
    (deep / "here").mkdir(parents=True)
    monkeypatch.chdir(deep)
    good = quick().to_json()
    for name, content in {
            "good.json": good.encode(), "latin.json": '{"device": "\xe4"}'.encode("latin-1"),
            "bom.json": good.encode("utf-8-sig"), "deep.json": b"[" * 10**5, "list.json": b"[1, 2]",
            "huge.json": b'{"lr": 1' + b"0" * 5000 + b"}", "cut.json": good[:40].encode(),
    }.items():
        (deep / name).write_bytes(content)

    def load(name: str, full: bool = False, **_: Any) -> Data:
        if name not in ("mnist", "cifar10"):
            raise RecipeError("load(name=)", found=repr(name), expected="one of mnist, cifar10")
        return few_blobs()

    monkeypatch.setattr("recipe_widgets.data.load", load)
    monkeypatch.delenv("RECIPE_STORAGE", raising=False)


def words(command: str) -> st.SearchStrategy[list[str]]:
    """A line: what makes it quick, then some options with odd values, flags, and odd arguments
    by position.
    """
    first, options, flags, places = COMMANDS[command]
    odd = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=()),
                                                  max_size=12))
    pairs = st.tuples(st.sampled_from(options), odd).map(list) if options else st.nothing()
    extra = st.lists(
        st.one_of(pairs, st.sampled_from([[flag] for flag in [*flags, "--no-such-option", "-x"]])),
        max_size=3)
    behind = st.lists(odd, min_size=places, max_size=places + 1 if command == "watch" else places)
    return st.tuples(extra, behind).map(
        lambda both: [command, *first, *(word for part in both[0] for word in part), *both[1]])


def fault(line: list[str]) -> str:
    """What is wrong with how a command takes this line; empty when nothing is."""
    said, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors)
                  for errors in ("strict", "backslashreplace"))
    before = world_of()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told), _time_limit():
            status: Any = cli.main(line)
            said.flush()
    except SystemExit as stop:  # argparse: usage
        status = stop.code
    except Exception as error:
        return f"{line!r}: {type(error).__name__}: {error}"
    told.flush()
    text = told.buffer.getvalue().decode().replace("\r", "")  # type: ignore[attr-defined]
    if status not in STATUSES and line[0] != "watch":
        return f"{line!r}: exit status {status!r}"
    if world_of() != before:
        return f"{line!r}: left another global state"
    if "Traceback" in text and not (line[0] == "watch" and status == 1):  # a script's own
        return f"{line!r}: a traceback: {text[-300:]}"
    if "secret" in text:
        return f"{line!r}: the password is told"
    if status == 2 and not any(said in text for said in (f"recipe {line[0]}: ", "recipe: ")):
        return f"{line!r}: not said in one line: {text[-300:]}"
    return ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", COMMANDS)
def test_bad_lines(command: str, tally: Callable[[str], Tally]) -> None:
    row = tally(f"bad input, recipe {command}")
    begin = int(os.environ.get("RECIPE_SEED") or int.from_bytes(os.urandom(4), "little"))
    if FULL:
        print(f"seed of recipe {command}: {begin}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    @settings(max_examples=times(25, 300), derandomize=not FULL, database=None, deadline=None,
              phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(words(command))
    def attempt(line: list[str]) -> None:
        row.tried += 1
        found = fault(line)
        row.lost += bool(found)
        assert not found, found

    try:
        (seed(begin)(attempt) if FULL else attempt)()
    finally:
        torch.set_num_threads(threads)
        row.notes += [f"seed {begin}"] if FULL else []
    assert row.lost == 0


def test_the_statuses_are_those_of_the_help() -> None:
    assert [
        int(line.split()[0]) for line in cli.EPILOG.splitlines() if line[:5].strip().isdecimal()
    ] == list(STATUSES)
