import copy
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, evaluate, steps, train
from recipe_widgets.models import build_model
from recipe_widgets.training import BatchIndices, Training, advance

SHORT = Settings(width=16, max_steps=40, batch_size=32, lr=0.05)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_steps_equal_a_hand_written_loop(blobs: Data) -> None:
    settings = SHORT.replace(momentum=0.9, weight_decay=0.01)
    model = build_model(settings, blobs.shape, 3)
    twin = copy.deepcopy(model)
    losses = [step.loss for step in steps(model, blobs, settings)]

    x, y = blobs.train
    mean, std = blobs.mean[0], blobs.std[0]
    indices, velocity, expected = BatchIndices(len(y), 32, settings.seed), {}, []
    for _ in range(40):
        rows = next(indices)
        loss = nn.functional.cross_entropy(twin((x[rows].float() / 255 - mean) / std), y[rows])
        twin.zero_grad()
        loss.backward()
        with torch.no_grad():
            for name, p in twin.named_parameters():
                grad = p.grad + 0.01 * p
                velocity[name] = grad if name not in velocity else 0.9 * velocity[name] + grad
                p -= 0.05 * velocity[name]
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-4)
    assert torch.allclose(weights(model), weights(twin), atol=1e-5)


@pytest.mark.parametrize(
    "change", [{}, {"model": "convnet"}, {"dropout": 0.5}, {"optimizer": "adam", "lr": 1e-3},
               {"norm": "batch"}, {"schedule": "cosine", "warmup": 5}, {"clip_norm": 0.5}])
def test_same_seed_same_numbers_whatever_the_neighbours_do(blobs: Data, change: dict) -> None:
    settings = SHORT.replace(**change)
    first = train(blobs, settings)
    model = build_model(settings, blobs.shape, 3)
    for step in steps(model, blobs, settings):
        torch.rand(3), torch.manual_seed(step.index)  # a neighbouring cell
    assert step.history.series("train_loss") == first.history.series("train_loss")
    assert torch.equal(weights(model), weights(first.model))


def test_a_run_learns_and_says_that_it_is_done(blobs: Data) -> None:
    run = train(blobs, SHORT.replace(max_steps=100))
    assert run.status == "done"
    assert run.history.last("val_accuracy") == 1.0
    assert len(run.history.series("train_loss")) == 100
    assert run.history.steps("val_accuracy")[-1] == 99
    assert run.history.last("val_accuracy") == evaluate(run.model, blobs.validation).accuracy


def test_looks_at_validation_early_then_every_so_often(blobs: Data) -> None:
    run = train(blobs, SHORT.replace(max_steps=100, eval_every=50, eval_samples=9))
    assert run.history.steps("val_loss") == [9, 39, 49, 99]


def test_a_run_that_is_stopped_is_whole(blobs: Data) -> None:
    whole = train(blobs, SHORT)
    part = train(blobs, SHORT, until=lambda step: step.index == 17)
    assert (part.status, part.steps_done) == ("stopped", 18)
    assert part.history.series("train_loss") == whole.history.series("train_loss")[:18]


@pytest.mark.parametrize(("change", "words"), [
    ({"lr": 1e6, "width": 64, "depth": 3}, ["learning rate 1e+06 is too high", "Try 0.1"]),
    ({"lr": 0.1, "weight_decay": 1000.0}, ["weight decay"]),
])
def test_divergence_names_step_and_cause(blobs: Data, change: dict, words: list[str]) -> None:
    run = train(blobs, SHORT.replace(max_steps=400, **change))
    assert run.status == "diverged"
    losses = run.history.series("train_loss")
    assert not math.isfinite(losses[-1])
    assert all(math.isfinite(loss) for loss in losses[:-1])
    for word in [*words, f"at step {len(losses) - 1}"]:
        assert word in run.message


def test_divergence_before_any_update_does_not_blame_the_learning_rate(blobs: Data) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    nn.init.constant_(model[1].weight, math.inf)
    run = train(blobs, SHORT, model)
    assert run.status == "diverged"
    assert "before any update" in run.message


def test_own_model_is_trained_in_place(blobs: Data) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    before = weights(model).clone()
    run = train(blobs, SHORT, model)
    assert run.model is model
    assert not torch.equal(weights(model), before)


def test_evaluate_is_the_mean_over_samples_in_eval_mode_and_restores_modes(blobs: Data) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.BatchNorm1d(3).eval()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert not self.training
            return nn.functional.one_hot(torch.zeros(len(x), dtype=torch.long), 3).float() * 2

    model = Odd().train()
    model.frozen.eval()
    result = evaluate(model, blobs.validation, batch_size=7)
    share = float((blobs.validation.y == 0).float().mean())
    right, wrong = math.log(math.e**2 + 2) - 2, math.log(math.e**2 + 2)
    assert result.accuracy == pytest.approx(share)
    assert result.loss == pytest.approx(share * right + (1 - share) * wrong)
    assert (model.training, model.frozen.training) == (True, False)
    assert result.n == len(blobs.validation.y)


def test_evaluate_wants_a_split(blobs: Data) -> None:
    with pytest.raises(RecipeError, match="data.validation"):
        evaluate(nn.Identity(), blobs)  # type: ignore[arg-type]


def test_batches_cover_an_epoch_once_and_reshuffle() -> None:
    indices = BatchIndices(10, 3, seed=0)
    first = [next(indices).tolist() for _ in range(3)]
    assert indices.epoch == 0
    second = [next(indices).tolist() for _ in range(3)]
    assert indices.epoch == 1
    for epoch in (first, second):
        seen = sorted(sum(epoch, []))
        assert len(set(seen)) == 9
        assert set(seen) <= set(range(10))
    assert first != second


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert sorted(next(BatchIndices(5, 64, seed=0)).tolist()) == [0, 1, 2, 3, 4]


def test_clipping_bounds_the_gradient(blobs: Data) -> None:
    settings = SHORT.replace(clip_norm=0.01, momentum=0.0, lr=1.0)
    training = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    before = weights(training.model).clone()
    training.step()
    assert float((weights(training.model) - before).norm()) == pytest.approx(0.01, rel=1e-3)


def test_a_probe_sees_sampled_steps_and_changes_nothing(blobs: Data) -> None:
    class GradNorm:
        every = 5

        def __init__(self) -> None:
            self.calls = 0

        def before(self, model: nn.Module) -> None:
            self.calls += 1

        def after(self, model: nn.Module, logits: torch.Tensor,
                  y: torch.Tensor) -> dict[str, float]:
            return {"grad_norm": float(model[1].weight.grad.norm())}

    probe = GradNorm()
    run = train(blobs, SHORT, probes=[probe])
    assert run.history.steps("grad_norm") == [0, 5, 10, 15, 20, 25, 30, 35]
    assert probe.calls == 8
    assert run.history.series("train_loss") == train(blobs, SHORT).history.series("train_loss")


def test_an_unknown_device_is_one_clear_error(blobs: Data) -> None:
    with pytest.raises(RecipeError, match='device="auto"'):
        train(blobs, SHORT.replace(device="quantum"))


def test_a_last_loss_that_is_no_number_is_seen_where_losses_come_late(blobs: Data) -> None:
    """On a GPU a loss is known at every tenth step, and at the last one."""
    settings = SHORT.replace(max_steps=14)
    training = Training(
        build_model(settings, blobs.shape, 3), blobs, settings,
        loss_fn=lambda logits, *_: logits.sum() * (math.nan if training.done == 13 else 1e-3))
    training._at_once = False
    run = training.new_run()
    assert len(list(advance(training, run))) == 14
    assert run.status == "diverged"


def test_train_takes_the_model_first_as_steps_does_or_last_as_it_used_to(blobs: Data) -> None:
    def net() -> nn.Module:
        return build_model(SHORT.replace(seed=5), blobs.shape, 3)

    runs = [train(net(), blobs, SHORT), train(blobs, SHORT, net()),
            train(net(), data=blobs, settings=SHORT), train(data=blobs, settings=SHORT, model=net())]
    assert all(run.own for run in runs)
    losses = [run.history.series("train_loss") for run in runs]
    model = net()
    assert losses[0] == [step.loss for step in steps(model, blobs, SHORT)]
    assert losses[1:] == losses[:1] * 3
    with pytest.raises(TypeError):
        train(net(), blobs, SHORT, model=net())


def test_the_loop_loads_little_of_the_package() -> None:
    code = ("import sys, recipe_widgets.training.loop\n"
            "print(sum(name.startswith('recipe_widgets') for name in sys.modules))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) <= 25
