"""The ledger's file: what was acknowledged is there, what was cut off is not believed."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from recipe_widgets import RecipeError, Settings
from recipe_widgets.core import Run, RunLog, RunLogEntry
from recipe_widgets.core.run_log import compare_runs


def entry(accuracy: float, samples: int = 10_000, expected: str = "", steps: int = 100,
          **knobs: object) -> RunLogEntry:
    settings = Settings(**knobs)
    return RunLogEntry("2026-01-01T00:00:00+00:00", "mnist", "ab", settings.to_dict(), [], "done", "",
                 steps, {"val_accuracy": accuracy, "train_loss": 0.1}, samples, expected)


@pytest.fixture
def book(tmp_path: Path) -> RunLog:
    return RunLog(tmp_path / "ledger.jsonl")


def test_what_goes_in_comes_out(book: RunLog) -> None:
    assert book.entries() == []
    first, second = entry(0.9, expected='it "learns" <b>\u20ac</b>'), entry(0.8, lr=0.2)
    book.add(first)
    book.add(second)
    assert book.entries() == [first, second]
    assert book.broken == 0


def test_of_a_run() -> None:
    run = Run(Settings(lr=0.1), data_name="blobs", status="done", changes=[(3, {"lr": 0.2})])
    for step in range(5):
        run.history.append("train_loss", step, 1.0 / (step + 1))
    found = RunLogEntry.of(run, "  falls \n fast ")
    assert found.knobs.lr == 0.2
    assert found.numbers == {"train_loss": 0.2}
    assert (found.steps, found.expected, found.changes) == (5, "falls fast", [[3, {"lr": 0.2}]])


def test_a_cut_at_every_byte_loses_the_last_line_only(book: RunLog) -> None:
    for k in range(3):
        book.add(entry(0.5 + k / 10))
    whole = book.file.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start, len(whole) - 1, 7):
        book.file.write_bytes(whole[:cut])
        assert [one.numbers["val_accuracy"] for one in book.entries()] == [0.5, 0.6]
        book.add(entry(0.9))  # goes on a line of its own
        assert [one.numbers["val_accuracy"] for one in book.entries()] == [0.5, 0.6, 0.9]


def test_flipped_bits_are_noticed(book: RunLog) -> None:
    for k in range(3):
        book.add(entry(0.5 + k / 10))
    whole, draw = book.file.read_bytes(), random.Random(0)
    for _ in range(200):
        place = draw.randrange(len(whole))
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << draw.randrange(8)
        book.file.write_bytes(bytes(spoiled))
        found = book.entries()
        assert 1 <= len(found) <= 3
        assert all(one.numbers["val_accuracy"] in (0.5, 0.6, 0.7) for one in found)
        assert len(found) == 3 or book.broken


def test_settings_of_another_version_are_left_out(book: RunLog) -> None:
    strange = entry(0.5)
    strange.settings["warp"] = 9  # type: ignore[index]
    book.add(strange)
    book.add(entry(0.6))
    assert [one.numbers["val_accuracy"] for one in book.entries()] == [0.6]
    assert book.broken == 1


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="can be written"):
        RunLog(tmp_path / "none" / "ledger.jsonl").add(entry(0.5))
    with pytest.raises(RecipeError, match="can be read"):
        RunLog(tmp_path).entries()


WRITER = """
import sys
from recipe_widgets import Settings
from recipe_widgets.core import RunLogEntry, RunLog
book = RunLog(sys.argv[1])
for n in range(10_000):
    book.add(RunLogEntry("2026", "d", "", Settings().to_dict(), [], "done", "", n, {}, 0, "x" * (n * 37 % 400)))
    print(n, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_kill_9_loses_no_acknowledged_run(tmp_path: Path) -> None:
    """As often as RECIPE_KILLS says; acknowledged is what the process has printed."""
    for number in range(int(os.environ.get("RECIPE_KILLS", "3"))):
        file = tmp_path / f"{number}.jsonl"
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(5 + 7 * number):
            process.stdout.readline()
        process.kill()
        said = [int(line) for line in process.stdout.read().splitlines() if line.strip().isdigit()]
        process.wait()
        last = max([5 + 7 * number - 1, *said])
        found = [one.steps for one in RunLog(file).entries()]
        assert found[: last + 1] == list(range(last + 1))


def test_one_thing_changed() -> None:
    text = compare_runs(entry(0.90), entry(0.92, lr=0.2))
    assert text.startswith(
        "One thing changed: learning rate 0.05 → 0.2. Validation accuracy 90.0% and 92.0%: +2.0 points."
    )
    assert "0.8 points" in text  # 1.96 * sqrt((.09 + .0736) / 10000) = 0.79
    assert "one seed each" in text


def test_more_than_one_thing_changed_is_said() -> None:
    text = compare_runs(entry(0.9), entry(0.92, lr=0.2, dropout=0.5))
    assert text.startswith(
        "More than one thing changed: dropout 0.0 → 0.5; learning rate 0.05 → 0.2.")
    assert "the number of steps" in compare_runs(entry(0.9), entry(0.92, lr=0.2, steps=300))


def test_the_same_run_twice() -> None:
    assert compare_runs(entry(0.9), entry(0.9)).startswith("Nothing differs")
    assert compare_runs(entry(0.9), entry(0.91, seed=3)).startswith("One thing changed: the seed")


def test_the_seeds_spread_comes_from_the_book() -> None:
    others = [entry(0.89, seed=1), entry(0.93, seed=2), entry(0.5, seed=3, lr=1.0)]
    assert "from 3 seeds went from 89.0% to 93.0% in this ledger: 4.0 points of luck" in compare_runs(
        entry(0.90), entry(0.92, lr=0.2), [entry(0.90), *others])
