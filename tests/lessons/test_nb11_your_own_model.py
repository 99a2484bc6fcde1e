"""What notebook 11 shows, on data and commands whose outcome is known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import CheckResult, Data, RecipeError, Settings, train
from recipe_widgets.checks import Report
from recipe_widgets.lessons.nb11_your_own_model import own_data_and_model as lesson

QUICK = Settings(width=16, max_steps=30, batch_size=32)


def report(**status: str) -> Report:
    return Report(tuple(CheckResult(name, one, "said")
                        for name, one in status.items()))  # type: ignore[arg-type]


def test_pictures_are_read_as_a_readers_folder(tmp_path: Path) -> None:
    data = Data.from_folder(lesson.draw_pictures(tmp_path / "shapes", per_class=12, size=20))
    assert data.classes == lesson.SHAPES
    assert data.shape == (3, 20, 20)
    assert sum(data.sizes.values()) == 36
    again = Data.from_folder(lesson.draw_pictures(tmp_path / "again", per_class=12, size=20),
                             name=data.name)
    assert again.sha256 == data.sha256


def test_the_shapes_can_be_told_apart(tmp_path: Path) -> None:
    """Their areas at the same radius: a circle covers pi r^2, a square 2 r^2, a triangle 1.3
    r^2.
    """
    from PIL import Image

    lesson.draw_pictures(tmp_path, per_class=60)
    area = {}
    for name in lesson.SHAPES:
        images = [
            np.asarray(Image.open(file)).astype(float)
            for file in sorted((tmp_path / name).iterdir())
        ]
        area[name] = np.mean([(image.sum(2) > (image.sum(2).max() + image.sum(2).min()) / 2).mean()
                              for image in images])
    assert area["circle"] > 1.2 * area["square"] > 1.4 * area["triangle"]


def test_the_table_is_scikit_learns(tmp_path: Path) -> None:
    with lesson.write_table(tmp_path / "wine.csv").open() as file:
        head, *rows = csv.reader(file)
    assert head[0] == "alcohol"
    assert head[-1] == "cultivar"
    assert (len(rows), len(rows[0])) == (178, 14)
    assert rows[0][:2] == ["14.23", "1.71"]
    assert [sum(row[-1] == f"cultivar {k}" for row in rows) for k in (1, 2, 3)] == [59, 71, 48]


def test_arrays_are_what_enters_a_network(blobs: Data, tmp_path: Path) -> None:
    stored = np.load(lesson.save_arrays(blobs, tmp_path / "blobs.npz", n=90))
    assert stored["x"].shape == (90, 1, 8, 8)
    assert abs(float(stored["x"].mean())) < 1e-5
    assert np.bincount(stored["y"]).tolist() == [30, 30, 30]


def test_a_change_is_made_where_it_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\ny = 2\n")
    assert lesson.change(file, "y = 2", "y = 3") == file.read_text() == "x = 1\ny = 3\n"
    for old in (" = ", "z"):
        with pytest.raises(RecipeError, match="expected once"):
            lesson.change(file, old, "")
    assert file.read_text() == "x = 1\ny = 3\n"
    assert lesson.listing(file.read_text()) == "  1  x = 1\n  2  y = 3"


def test_reports_side_by_side() -> None:
    beside = lesson.Beside({"old": report(a="fail", b="pass", c="warn", d="note"),
                            "new": report(a="pass", b="pass", c="warn", d="note")})
    assert beside.telling == ["a", "c"]
    assert beside.mended("old", "new") == "gone: a; still there: c"
    assert beside.mended("new", "old") == "still there: c; new: a"
    assert "a: fail, pass; c: warn, warn." in beside.plot().alt
    assert "old: 1 fail, 1 warn; new: 1 warn" in beside.plot().alt
    assert str(beside).splitlines()[0] == "old  1 fail, 1 warn, 1 note, 1 pass"
    fine = lesson.Beside({"one": report(a="pass")})
    assert "nothing to mend" in fine.plot().alt
    assert fine.mended("one", "one") == "nothing to mend before or after"


def test_the_shell_runs_where_it_should_and_passes_the_status_on(tmp_path: Path) -> None:
    program = "import pathlib, sys\nprint(pathlib.Path('here').resolve())\nsys.exit(int(sys.argv[1]))\n"
    (tmp_path / "say.py").write_text(program)
    said = lesson.shell("python say.py 3", tmp_path.resolve())
    assert (said.status, said.lines) == (3, ["here"])
    assert str(said) == "$ python say.py 3\nhere\n[exit status 3]"
    assert lesson.shell("recipe --help", tmp_path).status == 0
    with pytest.raises(RecipeError, match="expected one of python"):
        lesson.shell("rm -r .", tmp_path)
    (tmp_path / "long.py").write_text("import time; time.sleep(60)")
    with pytest.raises(RecipeError, match="still running"):
        lesson.shell("python long.py", tmp_path, seconds=0.5)


def test_watching_finds_the_slip_in_the_script_and_nothing_after_the_mend(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 3000)
    x = rng.normal(size=(3000, 3, 32,
                         32)).astype("f4") + 0.1 * rng.normal(size=(10, 3, 32, 32)).astype("f4")[y]
    np.savez(tmp_path / "photos.npz", x=x, y=y)
    script = tmp_path / "train.py"
    script.write_text(lesson.SCRIPT)
    alone, watched = (lesson.shell(f"{command} train.py", tmp_path)
                      for command in ("python", "recipe watch"))
    assert alone.status == watched.status == 0
    assert len(alone.lines) == 6
    assert watched.lines[:6] == alone.lines
    assert "✗ error mode_toggles" in watched.text
    lesson.change(script, "(epochs):\n", "(epochs):\n        model.train()\n")
    mended = lesson.shell("recipe watch --fail-on warning train.py", tmp_path)
    assert mended.status == 0, mended
    assert "nothing suspicious" in mended.text


def test_a_run_as_a_script_ends_with_the_same_loss(blobs: Data, tmp_path: Path) -> None:
    run = train(blobs, QUICK)
    twice = lesson.as_script(run, tmp_path)
    assert twice.equal
    assert twice.here == run.history.last("train_loss")
    assert "30 steps: last training loss" in str(twice)
    assert str(twice).endswith("equal to the last bit.")
    other = lesson.Twice("blobs mlp", 30, 2, 1.0, 1.5, 80)
    assert str(other).endswith("they differ by 5.0e-01.")
    assert "turned 2 times" in str(other)


def test_two_saved_runs_are_compared_by_their_weights(blobs: Data, tmp_path: Path) -> None:
    run = train(blobs, QUICK)
    for name, shift in (("one", 0.0), ("near", 1e-6), ("far", 0.5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(run.to_json())
        weights = {key: value + shift for key, value in run.model.state_dict().items()}
        torch.save(weights, tmp_path / name / "weights.pt")
    near, far = (lesson.apart(tmp_path / "one", tmp_path / name) for name in ("near", "far"))
    assert f"{run.history.last('train_loss'):.7f} nats" in near
    assert near.endswith("the same run but for the rounding of sums.")
    assert "differ by 5e-01 at most: NOT the same run" in far


def test_accuracies_are_compared_by_their_intervals() -> None:
    """Wilson: 50 of 100 is 40.4 to 59.6 %, 55 of 100 is 45.2 to 64.4 %, 90 of 100 is 82.6 to
    94.5 %.
    """
    said = {share: lesson.Said("x", 0, f"epoch 0: accuracy 1.0%\nepoch 1: accuracy {share}%\n")
            for share in (50.0, 55.0, 90.0)}
    assert "50.0% (40.4% to 59.6%) before the mend, 55.0% (45.2% to 64.4%)" in lesson.told_apart(
        said[50.0], said[55.0], 100)
    assert "would not have told" in lesson.told_apart(said[50.0], said[55.0], 100)
    assert "differ clearly" in lesson.told_apart(said[50.0], said[90.0], 100)


def test_places_in_a_notebook_are_lines_of_its_cell() -> None:
    assert lesson.in_cell("✗ error x  /tmp/ipykernel_20728/2942790016.py:8\n  y"
                          ) == "✗ error x  line 8 of the cell\n  y"


class Net(nn.Module):
    """The exercise's network, its two slips to be chosen."""

    def __init__(self, listed: bool, mixed: bool) -> None:
        super().__init__()
        layers = [nn.Linear(64, 32), nn.Linear(32, 32)]
        self.hidden = layers if listed else nn.ModuleList(layers)
        self.norm = (lambda x: (x - x.mean(0)) / (x.std(0) + 1e-5)) if mixed else nn.LayerNorm(32)
        self.head = nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
        return self.head(self.norm(x))


@pytest.mark.parametrize(("listed", "mixed", "says"), [(True, True, "optimizer_covers_model"),
                                                       (False, True, "batch_independence"),
                                                       (True, False, "optimizer_covers_model"),
                                                       (False, False, "Right: all 5 facts hold"), ])
def test_the_exercise_names_what_is_left(blobs: Data, listed: bool, mixed: bool, says: str) -> None:
    said = lesson.check_mended(lambda: Net(listed, mixed), blobs)
    assert says in said
    assert said.startswith("Right") == (says.startswith("Right"))


def test_a_mend_that_stops_the_learning_is_no_mend(blobs: Data) -> None:
    class Dull(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x.flatten(1)) * 1e-4

    said = lesson.check_mended(Dull, blobs, steps=20)
    assert not said.startswith("Right")
