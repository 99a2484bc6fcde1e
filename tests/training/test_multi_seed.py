"""Many seeds at once against the same seeds one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, evaluate, train
from recipe_widgets.training import MultiSeedTraining, train_many

SHORT = Settings(width=16, max_steps=40, batch_size=32)
SEEDS = (3, 0, 7)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize(
    "change",
    [{}, {"model": "linear"}, {"depth": 3, "activation": "tanh"}, {"dropout": 0.4, "depth": 2},
     {"weight_decay": 0.1}, {"momentum": 0.0, "activation": "sigmoid"}, {"optimizer": "nesterov"},
     {"optimizer": "adam", "lr": 0.01}, {"optimizer": "adamw", "weight_decay": 0.3},
     {"optimizer": "rmsprop", "lr": 1e-3}, {"clip_norm": 0.3}, {"schedule": "cosine", "warmup": 5},
     {"label_smoothing": 0.2}, {"schedule": "epoch", "activation": "identity"},
     {"optimizer": "adagrad", "clip_norm": 0.1, "weight_decay": 0.01, "dropout": 0.2}, ], ids=str)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_each_member_equals_its_run_alone(blobs: Data, change: dict, shared: bool) -> None:
    settings = SHORT.replace(**change)
    many = MultiSeedTraining(blobs, settings, SEEDS, shared_batches=shared)
    assert many.stacked
    runs = train_many(blobs, settings, SEEDS, shared_batches=shared)
    for seed, run in zip(SEEDS, runs, strict=True):
        if shared and seed != SEEDS[0]:
            continue  # alone it would see other batches
        alone = train(blobs, settings.replace(seed=seed))
        assert run.status == "done"
        assert run.settings == alone.settings
        assert torch.allclose(weights(run.model), weights(alone.model), atol=2e-5)
        for name in alone.history.names:
            assert run.history.steps(name) == alone.history.steps(name)
            np.testing.assert_allclose(run.history.series(name), alone.history.series(name),
                                       atol=2e-4)


@pytest.mark.parametrize("change", [{"model": "convnet"}, {"norm": "batch"}, {"activation": "gelu"},
                                    {"ema": 0.5}, {"augment": "flip"}, {"optimizer": "normalized"}])
def test_what_cannot_be_stacked_takes_turns_with_the_same_bits(blobs: Data, change: dict) -> None:
    settings = SHORT.replace(max_steps=6, **change)
    assert not MultiSeedTraining(blobs, settings, SEEDS).stacked
    for seed, run in zip(SEEDS, train_many(blobs, settings, SEEDS), strict=True):
        alone = train(blobs, settings.replace(seed=seed))
        assert run.history.series("train_loss") == alone.history.series("train_loss")
        assert torch.equal(weights(run.model), weights(alone.model))


def noisy() -> Data:
    """Labels of which 30 % are wrong: the validation loss is lowest within 20 steps."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 10)).astype("f4")
    return Data.from_arrays(x, ((x[:, 0] > 0) ^ (draw.random(300) < 0.3)).astype(int), name="noisy")


@pytest.mark.parametrize("change", [{"patience": 2}, {"final": "best"}], ids=str)
@pytest.mark.parametrize("norm", ["none", "batch"], ids=["stacked", "in turns"])
def test_members_end_as_they_would_alone(norm: str, change: dict) -> None:
    settings, data = SHORT.replace(max_steps=60, lr=0.1, eval_every=4, norm=norm, **change), noisy()
    runs = train_many(data, settings, SEEDS)
    for seed, run in zip(SEEDS, runs, strict=True):
        alone = train(data, settings.replace(seed=seed))
        assert (run.status, run.steps_done, run.message) == (alone.status, alone.steps_done,
                                                             alone.message)
        assert "the weights are those of step" in run.message
        assert torch.allclose(weights(run.model), weights(alone.model), atol=2e-5)
    assert [run.steps_done < 60 for run in runs] == ["patience" in change] * 3
    assert len({run.steps_done for run in runs}) == (2 if "patience" in change else 1)


@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_shared_batches_are_those_of_the_first_seed(blobs: Data, model: str) -> None:
    """From equal weights, equal runs: the seeds differ in nothing else without dropout."""
    settings = SHORT.replace(model=model, init="zeros", max_steps=5)
    losses = [
        run.history.series("train_loss")
        for run in train_many(blobs, settings, (4, 5), shared_batches=True)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-7)
    assert losses[0] == pytest.approx(
        train(blobs, settings.replace(seed=4)).history.series("train_loss"), abs=1e-6)


def test_a_member_that_diverges_leaves_the_others_alone(blobs: Data) -> None:
    many = MultiSeedTraining(blobs, SHORT, (0, 1))
    with torch.no_grad():
        many.members[0].model[1].weight.fill_(float("inf"))
    for _ in range(SHORT.max_steps):
        many.step()
    many.finish()
    assert [run.status for run in many.runs] == ["diverged", "done"]
    assert "before any update" in many.runs[0].message
    assert many.runs[0].steps_done == 1
    assert torch.allclose(weights(many.runs[1].model),
                          weights(train(blobs, SHORT.replace(seed=1)).model), atol=2e-5)


def test_finished_models_own_their_memory(blobs: Data) -> None:
    one, two = train_many(blobs, SHORT, (0, 1))
    before = weights(two.model).clone()
    with torch.no_grad():
        for p in one.model.parameters():
            assert p.is_contiguous()
            p.zero_()
    assert torch.equal(weights(two.model), before)
    assert evaluate(two.model, blobs.validation).accuracy == two.history.last("val_accuracy")


def test_stopping_early_and_runs_of_no_steps(blobs: Data) -> None:
    runs = train_many(blobs, SHORT, (0, 1), until=lambda many: many.done == 7)
    assert [(run.status, run.steps_done) for run in runs] == [("stopped", 7)] * 2
    assert [run.status
            for run in train_many(blobs, SHORT.replace(max_steps=0), (0, 1))] == ["done"] * 2


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_are_checked(blobs: Data, seeds: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="seeds"):
        train_many(blobs, SHORT, seeds)


@pytest.mark.parametrize("norm", ["none", "batch"], ids=["stacked", "in turns"])
def test_a_last_loss_that_is_no_number_is_seen_where_losses_come_late(blobs: Data,
                                                                      norm: str) -> None:
    many = MultiSeedTraining(blobs, SHORT.replace(norm=norm, max_steps=14), (0, 1))
    many.device = torch.device("cuda")  # as its steps see it: numbers come later
    for member in many.members:
        member._at_once = False
    while many.running:
        if many.done == 13:
            with torch.no_grad():
                many.members[0].model[1].weight.fill_(float("nan"))
        many.step()
    assert [run.status for run in many.runs] == ["diverged", "done"]
