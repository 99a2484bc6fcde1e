"""Averages of weights, by hand and against torch's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from recipe_widgets import Data, Settings, evaluate, steps, train
from recipe_widgets.models import build_model
from recipe_widgets.training import Training, WeightAverage

SHORT = Settings(width=16, max_steps=30, batch_size=32)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_mean_is_the_mean(blobs: Data) -> None:
    model, seen = build_model(SHORT, blobs.shape, 3), []
    average, reference = WeightAverage(model), AveragedModel(model)
    for step in steps(model, blobs, SHORT):
        if step.index >= 10:
            average.update()
            reference.update_parameters(model)
            seen.append(weights(model).double())
    expected = torch.stack(seen).mean(0).float()
    assert torch.allclose(weights(average.model), expected, atol=1e-6)
    assert torch.allclose(weights(reference.module), expected, atol=1e-6)
    assert not torch.allclose(weights(model), expected, atol=1e-4)


def test_ema_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    average, values, expected = WeightAverage(model, decay=0.5), [4.0, 8.0, 0.0, 2.0], 4.0
    for n, value in enumerate(values):
        nn.init.constant_(model.weight, value)
        average.update()
        decay = 0.0 if n == 0 else min(0.5, (1 + n) / (10 + n))  # 2/11, 3/12, 4/13
        expected = decay * expected + (1 - decay) * value
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-6)


def test_ema_with_a_small_decay_is_torchs(blobs: Data) -> None:
    settings = SHORT.replace(model="convnet", norm="batch", max_steps=20)
    model = build_model(settings, blobs.shape, 3)
    average = WeightAverage(model, decay=0.18)  # below 2/11: no warm-up
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.18), use_buffers=True)
    for _ in steps(model, blobs, settings):
        average.update()
        reference.update_parameters(model)
    assert torch.allclose(weights(average.model), weights(reference.module), atol=1e-6)
    for mine, other in zip(average.model.buffers(), reference.module.buffers(), strict=True):
        assert not mine.is_floating_point() or torch.allclose(mine, other, atol=1e-6)


def test_refreshed_norms_are_the_statistics_of_the_split(blobs: Data) -> None:
    model = build_model(Settings(model="mlp", norm="batch", width=8), blobs.shape, 3)
    average = WeightAverage(model)
    average.update()
    average.refresh_norms(blobs.train, batch_size=200)
    hidden = torch.cat([average.model[1](x.flatten(1))
                        for x, _ in blobs.train.batches(200)]).detach()
    assert torch.allclose(average.model[2].running_mean, hidden.mean(0), atol=1e-4)
    assert model[2].running_mean.abs().max() == 0  # the source keeps its own


def test_the_ema_knob_judges_and_keeps_the_average(blobs: Data) -> None:
    settings = SHORT.replace(ema=0.9, lr=0.3, momentum=0.0)
    model = build_model(settings, blobs.shape, 3)
    raw, by_hand = copy.deepcopy(model), WeightAverage(copy.deepcopy(model), decay=0.9)
    for _ in steps(raw, blobs, settings.replace(ema=0.0)):
        by_hand.source.load_state_dict(raw.state_dict())
        by_hand.update()
    run = train(blobs, settings, model)
    assert run.history.series("train_loss") == train(
        blobs, settings.replace(ema=0.0)).history.series("train_loss")
    assert torch.allclose(weights(run.model), weights(by_hand.model), atol=1e-6)
    assert not torch.allclose(weights(run.model), weights(raw), atol=1e-4)
    assert evaluate(run.model,
                    blobs.validation).loss == pytest.approx(run.history.last("val_loss"), rel=1e-5)
    again = build_model(settings, blobs.shape, 3)
    for _ in steps(again, blobs, settings):
        pass
    assert torch.equal(weights(again), weights(run.model))


def test_a_run_that_is_stopped_keeps_the_average_too(blobs: Data) -> None:
    settings = SHORT.replace(ema=0.9, lr=0.3)
    training = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    for _ in range(11):
        training.step()
    run = train(blobs, settings, until=lambda step: step.index == 10)
    assert torch.equal(weights(run.model), weights(training.judged))


def test_an_average_survives_a_round_trip() -> None:
    model = nn.Linear(2, 2)
    one, two = WeightAverage(model, 0.9), WeightAverage(nn.Linear(2, 2), 0.9)
    one.update()
    two.load_state_dict(one.state_dict())
    assert two.updates == 1
    assert torch.equal(weights(two.model), weights(one.model))
