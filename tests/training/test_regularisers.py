"""Augmentation, label smoothing, precision and a loss of one's own inside the loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, Settings, steps, train
from recipe_widgets.data.augment import Augment
from recipe_widgets.models import build_model
from recipe_widgets.training import BatchIndices, Training
from recipe_widgets.training.training_state import restore, state_of

SHORT = Settings(width=16, max_steps=12, batch_size=32)
ALL = "flip+crop+rotate+erase+mixup+cutmix"


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("augment", ["flip", "crop+mixup", ALL])
def test_an_augmented_run_is_a_hand_written_loop_over_augmented_batches(blobs: Data,
                                                                        augment: str) -> None:
    settings = SHORT.replace(augment=augment, augment_strength=0.5, label_smoothing=0.1,
                             momentum=0.0)
    model = build_model(settings, blobs.shape, 3)
    twin = copy.deepcopy(model)
    losses = [step.loss for step in steps(model, blobs, settings)]
    rows, source = BatchIndices(blobs.train.size, 32, 0), Augment(blobs.train, settings.augment,
                                                                  0.5, 3, 0)
    optimizer, expected = torch.optim.SGD(twin.parameters(), settings.lr), []
    for _ in range(12):
        x, _, targets = source.batch(next(rows))
        loss = nn.functional.cross_entropy(twin(x), targets, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(weights(model), weights(twin), atol=1e-6)


def test_same_seed_same_run_whatever_the_neighbours_do(blobs: Data) -> None:
    settings = SHORT.replace(augment=ALL)
    first = train(blobs, settings)
    model = build_model(settings, blobs.shape, 3)
    for step in steps(model, blobs, settings):
        torch.rand(3), torch.manual_seed(step.index)
    assert step.history.series("train_loss") == first.history.series("train_loss")


def test_augmentation_does_not_disturb_batches_or_dropout(blobs: Data) -> None:
    """A strength of zero draws the same numbers and changes no pixel: the run is that without
    augmentation.
    """
    settings = SHORT.replace(dropout=0.3)
    plain = train(blobs, settings).history.series("train_loss")
    zero = train(blobs, settings.replace(augment="flip+crop+erase+mixup", augment_strength=0.0))
    assert zero.history.series("train_loss") == pytest.approx(plain, rel=1e-5)


def test_validation_is_never_augmented(blobs: Data) -> None:
    settings = SHORT.replace(augment="erase+rotate", augment_strength=4.0, lr=0.0)
    run = train(blobs, settings)
    assert run.history.last("val_loss") == train(blobs,
                                                 SHORT.replace(lr=0.0)).history.last("val_loss")


def test_label_smoothing_by_hand(blobs: Data) -> None:
    settings = Settings(model="linear", init="small", label_smoothing=0.3, max_steps=1,
                        batch_size=8)
    training = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    x, y = blobs.train.batch(next(BatchIndices(blobs.train.size, 8, 0)))
    logp = training.model(x).log_softmax(1).detach()
    expected = -(0.7 * logp[torch.arange(8), y] + 0.3 * logp.mean(1)).mean()
    assert training.step().loss == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("model", ["mlp", "convnet", "resnet"])
def test_bf16_is_near_float32_and_keeps_float32_weights(blobs: Data, model: str) -> None:
    settings = SHORT.replace(model=model, max_steps=20)
    exact, half = train(blobs, settings), train(blobs, settings.replace(precision="bf16"))
    a, b = (np.array(run.history.series("train_loss")) for run in (exact, half))
    assert np.abs(a - b).max() < 0.05
    assert np.abs(a - b).max() > 0
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}


def test_a_loss_of_ones_own(blobs: Data) -> None:
    seen = []

    def brier(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append(y.shape)
        return ((logits.softmax(1) - nn.functional.one_hot(y, 3)) ** 2).sum(1).mean()

    run = train(blobs, SHORT.replace(init="zeros"), loss_fn=brier)
    assert run.history.series("train_loss")[0] == pytest.approx(2 / 3, rel=1e-6)
    assert seen[0] == (32,)


def test_a_training_with_everything_goes_on_from_its_state(blobs: Data, tmp_path) -> None:
    settings = SHORT.replace(augment=ALL, ema=0.9, schedule="plateau", eval_every=3, max_steps=20)
    whole = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    for step in range(20):
        if step == 9:
            torch.save(state_of(whole, whole.new_run()), tmp_path / "state.pt")
        whole.step()
        whole.evaluate()
    again = Training(build_model(settings.replace(seed=8), blobs.shape, 3), blobs, settings)
    restore(again, again.new_run(), torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(11):
        again.step()
        again.evaluate()
    assert again.history.to_dict() == whole.history.to_dict()
