"""A full disk, a read-only one, a file where a folder should be: one clear error, old files as
they were, life goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from recipe_widgets import Data, LivePanel, RecipeError, Settings, train
from recipe_widgets.cli import main
from recipe_widgets.panels import Labeller
from tests.stress.disks import NO_ROOM, PAGE, Disk
from tests.stress.kinds import FEW, KINDS, Kind
from tests.stress.tally import Tally, times

pytestmark = pytest.mark.skipif(os.name != "posix", reason="mounts, or limits of the process")
SHORT = Settings(width=8, max_steps=30, batch_size=20)
SPOKEN = [kind for kind in KINDS if not kind.silent]
MOST = 60  # writes until the room that is left must have gone


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture
def full(tally: Callable[[str], Tally]) -> Tally:
    return tally("disk full: each written kind")


@pytest.fixture
def locked(tally: Callable[[str], Tally]) -> Tally:
    return tally("read-only disk, file for a folder")


def refused(kind: Kind, folder: Path, n: int) -> str:
    """The one clear error, or nothing where the version was taken."""
    try:
        kind.write(folder, n)
    except RecipeError as error:
        return str(error)
    return ""


def leftovers(folder: Path) -> list[str]:
    """Parts of files that never came to be; a broken download may stay, as it goes on from
    there.
    """
    return [file.name for file in folder.rglob("*.part") if ".bin" not in file.name]


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.name)
def test_a_full_disk(kind: Kind, disk: Disk, full: Tally) -> None:
    done = 1
    kind.write(disk.folder, done)
    for spare in range(times(2, 12)):
        with disk.full(spare):
            before = done
            while done < before + MOST and not (told := refused(kind, disk.folder, done + 1)):
                done += 1
            # What replaces itself may find room for one more of its size, again and again.
            assert any(words in told for words in NO_ROOM) or (spare and not told)
            full.tried += 1
            assert kind.read(disk.folder) == done
            assert leftovers(disk.folder) == []
        with full.recovery():
            kind.write(disk.folder, done + 1)
        done += 1
        assert kind.read(disk.folder) == done


def test_answers_of_the_clinic_stay_as_they_were(disk: Disk, full: Tally) -> None:
    """What cannot be kept there stops nobody; the answers of before are whole."""
    kind = next(kind for kind in KINDS if kind.silent)
    kind.write(disk.folder, 1)
    with disk.full():
        kind.write(disk.folder, 2)
        assert kind.read(disk.folder) == 1
    kind.write(disk.folder, 3)
    assert kind.read(disk.folder) == 3
    full.tried += 1


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.name)
def test_a_read_only_disk(kind: Kind, disk: Disk, locked: Tally) -> None:
    if not disk.can_be_read_only:
        pytest.skip("root without the right to mount")
    kind.write(disk.folder, 1)
    with disk.read_only():
        with pytest.raises(RecipeError):
            kind.write(disk.folder, 2)
        assert kind.read(disk.folder) == 1
    with locked.recovery():
        kind.write(disk.folder, 3)
    assert kind.read(disk.folder) == 3
    locked.tried += 1


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.name)
def test_a_file_where_the_folder_should_be(kind: Kind, tmp_path: Path, locked: Tally) -> None:
    place = tmp_path / "place"
    place.write_text("mine")
    with pytest.raises(RecipeError):
        kind.write(place, 1)
    assert place.read_text() == "mine"
    locked.tried += 1


def test_a_panel_on_a_full_disk_trains_on_and_says_so(disk: Disk, full: Tally,
                                                      no_leaked_threads: None) -> None:
    panel = LivePanel(FEW, SHORT, ledger=disk.folder / "ledger.jsonl")
    with disk.full():
        panel.start()
        run = panel.wait(60)
        assert run is not None
        assert run.status == "done"
        assert "can be written" in panel.words
        with pytest.raises(RecipeError, match="File of the session"):
            panel.save(disk.folder / "session.json")
    panel.turn(lr=0.01)
    panel.wait(60)
    assert [entry.knobs.lr for entry in panel.ledger] == [0.01]
    panel.close()
    full.tried += 2


def test_labels_that_cannot_be_kept_are_not_shown_as_if(disk: Disk, full: Tally,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_STATE", str(disk.folder))
    labeller = Labeller(FEW, count=10)
    labeller.type("01")
    with disk.full():
        labeller.type("2")
        assert labeller.words.startswith('<div role="status">Labels: found')
        assert labeller.keys.value == "01"
    labeller.type("2")
    assert "Picture 4 of 10" in labeller.words
    assert Labeller(FEW, count=10).keys.value == "012"
    full.tried += 1


def test_training_on_a_full_disk_keeps_its_last_checkpoint(disk: Disk, full: Tally,
                                                           blobs: Data) -> None:
    wanted = SHORT.replace(checkpoint_every=10)
    whole = train(blobs, wanted)
    folder = disk.folder / "run"
    train(blobs, wanted, checkpoints=folder, until=lambda step: step.index == 9)
    with disk.full(), pytest.raises(RecipeError, match="Checkpoint"):
        train(blobs, wanted, checkpoints=folder, resume=True)
    again = train(blobs, wanted, checkpoints=folder, resume=True)
    assert again.history.series("train_loss") == whole.history.series("train_loss")
    full.tried += 1


def test_the_shell_says_it_in_a_line(disk: Disk, full: Tally, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(Settings(model="linear", max_steps=2, eval_samples=100).to_json())
    with disk.full():
        assert main(["train", "--settings", str(settings), "--out", str(disk.folder)]) == 2
    assert "recipe train: Checkpoint" in capsys.readouterr().err
    full.tried += 1


def test_results_of_a_shell_command(disk: Disk, full: Tally) -> None:
    """run.json and weights.pt of `recipe train`, best.json and trials.json of `recipe tune`."""
    from recipe_widgets.cli.train import write_run
    from recipe_widgets.cli.tune import write_search

    run = train(FEW, SHORT)
    tuning = SimpleNamespace(best=SHORT, metric="val_loss", table=list)
    for save in (lambda: write_run(disk.folder, run), lambda: write_search(tuning, disk.folder)):
        save()
        before = {file: file.read_bytes() for file in disk.folder.iterdir()}
        with disk.full(), pytest.raises(RecipeError):
            save()
        assert {file: file.read_bytes() for file in disk.folder.iterdir()} == before
        full.tried += 1


def test_a_search_on_a_full_disk_goes_on_later(disk: Disk, full: Tally, blobs: Data) -> None:
    from recipe_widgets.tune import space, tune

    def search(trials: int) -> object:
        return tune(blobs, space("lr"), SHORT.replace(max_steps=2), trials=trials, sampler="random",
                    storage=str(disk.folder / "tuning.db"))

    first = [trial.value for trial in search(2).table()]
    with disk.full(), pytest.raises(RecipeError, match="Storage"):
        search(200)
    with full.recovery():
        kept = search(2).trial_counts().finished
    found = search(kept + 2)
    assert first == [trial.value for trial in found.table()][:2]
    assert 2 <= kept < 200
    assert found.trial_counts().finished == kept + 2
    full.tried += 1


def test_the_disk_of_these_tests_is_full_when_it_says_so(disk: Disk) -> None:
    """Else the tests above would show nothing."""
    with disk.full(), pytest.raises(OSError, match="|".join(NO_ROOM)):
        (disk.folder / "x").write_bytes(b"x" * PAGE)
    (disk.folder / "x").write_bytes(b"x" * PAGE)
