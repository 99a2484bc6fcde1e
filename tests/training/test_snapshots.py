"""A past step is reached again from a snapshot, to the same bit as from the seed."""

import random

import pytest
import torch
from torch import nn

from recipe_widgets import RecipeError, Settings, load, train
from recipe_widgets.core import Run
from recipe_widgets.data import Data
from recipe_widgets.live import ModelSource
from recipe_widgets.models import build_model
from recipe_widgets.training import Training, replay, snapshots
from recipe_widgets.training.snapshots import Snapshots

CHANGES = {60: {"lr": 0.02}, 100: {"batch_size": 48, "dropout": 0.4}, 150: {"momentum": 0.2}}


@pytest.fixture(scope="module")
def small() -> Data:
    return load("mnist").subset(400)


@pytest.fixture(autouse=True)
def every_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, none is left out."""
    monkeypatch.setattr(snapshots, "SHARE", 1e9)


def lived(data: Data, settings: Settings, steps: int = 220) -> Run:
    """A run as a panel makes it, with knobs turned on the way."""
    lane = ModelSource(data).begin(settings)
    for step in range(steps):
        if step in CHANGES:
            lane.turn(lane.training.settings.replace(**CHANGES[step]))
        lane.step()
    return lane.run


@pytest.mark.parametrize("settings", [
    Settings(width=24, dropout=0.2, max_steps=1000, momentum=0.9),
    Settings(model="convnet", width=4, max_steps=1000, batch_size=16, dropout=0.1, norm="batch",
             optimizer="adam", lr=1e-3),
], ids=["mlp", "convnet"])
def test_at_equals_a_fresh_run_at_random_steps(small: Data, settings: Settings) -> None:
    run = lived(small, settings)
    assert run.snapshots.steps == [50, 100, 150, 200]
    draw = random.Random(1)
    for step in sorted({0, 50, 100, 101, 150, 220, *(draw.randrange(221) for _ in range(14))}):
        found = run.at(step)
        fresh = replay(small, run.settings, [c for c in run.changes if c[0] < step], steps=step,
                       threads=run.threads)
        assert found.steps_done == step
        assert found.changes == fresh.changes
        assert found.history.series("train_loss")[:step] == fresh.history.series(
            "train_loss") if step else True
        for (name, mine), theirs in zip(found.model.state_dict().items(),
                                        fresh.model.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs), (step, name)


def test_looking_back_leaves_the_run_alone(small: Data) -> None:
    run, twin = lived(small, Settings(width=8)), lived(small, Settings(width=8))
    run.at(120)
    run.at(33)
    assert run.history.to_dict() == twin.history.to_dict()
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.model.parameters(), twin.model.parameters(), strict=True))


def test_memory_is_bounded_and_thinned_evenly(small: Data) -> None:
    lane = ModelSource(small).begin(Settings(width=8, max_steps=2000, momentum=0.0))
    one = snapshots.size_of(lane.training)
    # SGD without momentum remembers nothing
    assert one == 4 * sum(p.numel() for p in lane.run.model.parameters())
    lane.run.snapshots = Snapshots(most=4 * one)
    for _ in range(700):
        lane.step()
    kept = lane.run.snapshots
    assert kept.every == 200
    assert kept.steps == [200, 400, 600]
    assert kept.bytes == 3 * one
    kept.shrink(one)
    assert kept.bytes <= one


def test_a_model_larger_than_the_memory_has_none_and_is_done_over_from_its_seed(
        small: Data) -> None:
    lane = ModelSource(small).begin(Settings(width=8))
    lane.run.snapshots = Snapshots(most=10)
    for _ in range(60):
        lane.step()
    assert lane.run.snapshots.steps == []
    assert lane.run.at(55).steps_done == 55


@pytest.mark.parametrize("step", [-1, 221, 1.5, True, "9", None])
def test_no_such_step(small: Data, step: object) -> None:
    run = lived(small, Settings(width=8))
    with pytest.raises(RecipeError, match="0 to 220"):
        run.at(step)  # type: ignore[arg-type]


def test_the_average_and_the_best_weights_count_as_memory(blobs: Data) -> None:
    settings = Settings(width=8, momentum=0.0, ema=0.9, final="best")
    training = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    training.step()
    training.evaluate()
    assert snapshots.size_of(training) == 3 * 4 * sum(p.numel()
                                                      for p in training.model.parameters())


def test_settings_that_do_not_describe_the_run_lead_nowhere(blobs: Data) -> None:
    short = Settings(width=8, max_steps=3)
    own_model = train(blobs, short, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    own_loss = train(blobs, short,
                     loss_fn=lambda logits, y: nn.functional.multi_margin_loss(logits, y))
    for run in (own_model, own_loss):
        with pytest.raises(RecipeError, match="settings do not describe"):
            run.at(0)
