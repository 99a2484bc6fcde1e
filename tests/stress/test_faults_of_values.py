"""Values that no textbook has: one clear error, or a right result. Nothing stops for good."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from recipe_widgets import (
    Data,
    LivePanel,
    RecipeError,
    Run,
    Settings,
    checks,
    evaluate,
    steps,
    train,
)
from recipe_widgets.evaluation import (
    accuracy,
    calibration,
    confusion,
    per_class,
    proportion,
    worst_mistakes,
)
from recipe_widgets.models import build_model
from recipe_widgets.training import train_many
from recipe_widgets.tune import space, tune
from tests.stress.tally import Tally, times

SMALL = Settings(width=8, max_steps=6, batch_size=16)


@pytest.fixture
def values(tally: Callable[[str], Tally]) -> Tally:
    return tally("NaN, overflow, no variance, one class, ...")


RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
TABLE = RNG.normal(size=(60, 4)).astype(np.float32)
IMAGES = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def with_one(value: float) -> np.ndarray:
    return np.where(np.arange(240).reshape(60, 4) == 13, np.float32(value), TABLE)


REFUSED = {
    "NaN": (lambda: Data.from_arrays(with_one(math.nan), Y), "in 1 rows, the first is 3"),
    "infinity": (lambda: Data.from_arrays(with_one(math.inf), Y), "in 1 rows, the first is 3"),
    "beyond float32": (lambda: Data.from_arrays(TABLE.astype(np.float64) * 1e300, Y),
                       "more than float32 holds in 60 rows"), "one sample":
    (lambda: Data.from_arrays(IMAGES[:1], Y[:1]), "found one sample"), "too few to hold some out":
    (lambda: Data.from_arrays(IMAGES[:3], Y[:3]),
     "which is none"), "no sample": (lambda: Data.from_arrays(IMAGES[:0], Y[:0]), "empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_is_refused(name: str, values: Tally) -> None:
    make, words = REFUSED[name]
    with pytest.raises(RecipeError, match=words):
        make()
    values.tried += 1


ODD: dict[str, Callable[[], Data]] = {
    "no variance": lambda: Data.from_arrays(np.full((60, 8, 8), 7, np.uint8), Y),
    "a constant column": lambda: Data.from_arrays(np.c_[TABLE, np.ones(60)].astype(np.float32), Y),
    "one class": lambda: Data.from_arrays(IMAGES, np.zeros(60, int)),
    "one training sample": lambda: Data.from_arrays(IMAGES, Y).subset(1),
    "two samples": lambda: Data.from_arrays(IMAGES[:2], Y[:2], validation=0.0, test=0.0),
    "near the end of float32": lambda: Data.from_arrays(TABLE * np.float32(1e37), Y),
    "below the least normal float32": lambda: Data.from_arrays(TABLE * np.float32(1e-40), Y),
    "far from zero": lambda: Data.from_arrays(TABLE + np.float32(1e8), Y),
}
MODELS = ("mlp", "convnet", "resnet", "rnn") if times(0, 1) else ("mlp", "convnet")
KNOBS: tuple[dict[str, object],
             ...] = ({}, {"batch_size":
                          4096}, {"norm": "layer", "dropout": 0.5, "optimizer": "adam"})
EXAMINED = tuple(ODD) if times(0, 1) else ("one class",)  # by all checks: seconds each


@pytest.mark.parametrize("name", ODD)
def test_odd_data_goes_through_everything(name: str, values: Tally,
                                          no_leaked_threads: None) -> None:
    data = ODD[name]()
    for model in MODELS:
        if model == "mlp" or len(data.shape) == 3:
            for knobs in KNOBS:
                _through_training(data, SMALL.replace(model=model, **knobs))
                values.tried += 1
    net = build_model(SMALL, data.shape, data.num_classes)
    if name in EXAMINED:
        found = checks.run_all(net, data, cross_entropy, num_classes=data.num_classes,
                               progress=False)
        assert len(found) > 20
        assert [
            result for result in found
            if result.status == "fail" or "could not look" in result.message
        ] == []
    with closing(LivePanel(data, SMALL)) as panel:
        panel.start()
        run = panel.wait(60)
        assert run is not None
        assert run.status == "done", panel.words
        assert panel.words.startswith("Done with")
        assert panel.plot() is not None
    if data.validation.size:
        _through_evaluation(net, data)
        assert tune(data, space("lr"), SMALL, trials=2, sampler="random").trial_counts().finished == 2
    values.tried += 4


def _through_training(data: Data, wanted: Settings) -> None:
    run = train(data, wanted)
    losses = run.history.series("train_loss")
    assert run.status == "done"
    assert len(losses) == 6
    assert all(map(math.isfinite, losses))
    model = build_model(wanted, data.shape, data.num_classes)
    assert [step.loss for step in steps(model, data, wanted)] == losses
    if data.num_classes == 1:
        assert losses == [0.0] * 6
    if data.validation.size:
        found = evaluate(run.model, data.validation)
        assert found.n == data.validation.size
        assert math.isfinite(found.loss)
        assert 0.0 <= found.accuracy <= 1.0


def _through_evaluation(net: nn.Module, data: Data) -> None:
    held = data.validation
    for look in (accuracy, confusion, per_class, worst_mistakes, calibration):
        if data.num_classes == 1:
            with pytest.raises(RecipeError, match="two classes or more"):
                look(net, held)
        else:
            assert str(look(net, held))


def test_a_batch_larger_than_the_data_is_all_of_it(values: Tally) -> None:
    data = ODD["a constant column"]()
    all_of_it = train(data, SMALL.replace(batch_size=data.train.size)).history.series("train_loss")
    assert train(data, SMALL.replace(batch_size=10**6)).history.series("train_loss") == all_of_it
    values.tried += 1


@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_one_sample_under_batchnorm(model: str, blobs: Data, values: Tally,
                                    no_leaked_threads: None) -> None:
    one = SMALL.replace(model=model, norm="batch", batch_size=1)
    net = build_model(one, blobs.shape, 3)
    for body in (lambda: train(blobs, one), lambda: list(steps(net, blobs, one)),
                 lambda: train_many(blobs, one, range(2)),
                 lambda: train(blobs.subset(1), one.replace(batch_size=64))):
        with pytest.raises(RecipeError, match=r"BatchNorm: found one sample.*batch_size=2"):
            body()
        values.tried += 1
    # eval mode needs no batch
    assert evaluate(net, blobs.subset(300).validation, batch_size=1).n == 100
    with closing(LivePanel(blobs, one)) as panel:
        panel.start()
        panel.wait(60)
        assert "BatchNorm: found one sample" in panel.words
        panel.turn(batch_size=2)
        run = panel.wait(60)
        assert run is not None
        assert run.status == "done"
    found = tune(blobs, space(batch_size=[1, 8]), one, trials=2, sampler="grid")
    assert found.best.batch_size == 8
    assert "BatchNorm" in next(trial.why for trial in found.table() if trial.state == "failed")
    batch = torch.zeros(1, 64), torch.zeros(1, dtype=torch.int64)
    report = checks.run_all(nn.Sequential(nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
                            [batch], cross_entropy, progress=False)
    assert "Expected more than 1 value" in " ".join(result.message for result in report)
    values.tried += 3


# --- numbers that are none
# ----------------------------------------------------------------------------------------------

OVERFLOWING = {
    "a huge rate": SMALL.replace(lr=1e6, depth=3, momentum=0.99, max_steps=50),
    "huge weights": SMALL.replace(model="mlp", init="normal", depth=40, width=64),
    "weights in bf16": SMALL.replace(init="normal", depth=40, width=64, precision="bf16"),
    "weight decay": SMALL.replace(lr=100.0, weight_decay=1000.0, max_steps=50),
}


@pytest.mark.parametrize("name", OVERFLOWING)
def test_overflow_ends_a_run_with_its_cause(name: str, blobs: Data, values: Tally,
                                            no_leaked_threads: None) -> None:
    wanted = OVERFLOWING[name]
    run = train(blobs, wanted)
    assert run.status == "diverged"
    assert "The loss became" in run.message
    # JSON has no word for NaN; ours does
    assert Run.from_json(run.to_json()).message == run.message
    with closing(LivePanel(blobs, wanted)) as panel:
        panel.start()
        panel.wait(60)
        assert "The loss became" in panel.words
        panel.turn(**{knob: getattr(SMALL, knob) for knob in wanted - SMALL})
        again = panel.wait(60)
        assert again is not None
        assert again.status == "done"
        assert [entry.status for entry in panel.ledger] == ["diverged", "done"]
    with pytest.raises(RecipeError, match="no trial that ran to its end"):
        tune(blobs, space(batch_size=[16, 32]), wanted, trials=2, sampler="grid")
    values.tried += 3


def test_a_model_of_nan(blobs: Data, values: Tally) -> None:
    net = build_model(SMALL, blobs.shape, 3)
    with torch.no_grad():
        next(net.parameters()).fill_(math.nan)
    assert math.isnan(evaluate(net, blobs.validation).loss)
    with pytest.raises(RecipeError):
        accuracy(net, blobs.validation)
    found = checks.run_all(net, blobs, cross_entropy, num_classes=3, progress=False)
    assert found.failures
    assert [result for result in found if "could not look" in result.message] == []
    assert train(blobs, SMALL, net).message.startswith("The loss became NaN at step 0")
    values.tried += 4


def test_no_sample_is_no_proportion(values: Tally) -> None:
    with pytest.raises(RecipeError):
        proportion(0, 0)
    values.tried += 1
