"""Knobs turned in mid-run, forks, replays: equal to the last bit where nothing differs, as told
where something does.
"""

import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.core import Run
from recipe_widgets.models import build_model
from recipe_widgets.training import BatchIndices, Training, change_settings, fork, replay, train

BASE = Settings(width=16, batch_size=32, max_steps=40, dropout=0.2)
MODELS = [BASE, BASE.replace(model="convnet", norm="batch", optimizer="adam", lr=0.003),
          BASE.replace(ema=0.9, augment="crop"), BASE.replace(optimizer="normalized", lr=0.01)]


def begun(data: Data, settings: Settings, steps: int = 7) -> Training:
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    for _ in range(steps):
        training.step()
    return training


def weights(training: Training) -> list[torch.Tensor]:
    return [t.clone() for t in training.model.state_dict().values()]


@pytest.mark.parametrize("settings", MODELS)
def test_a_fork_left_alone_goes_on_to_the_same_bits(blobs: Data, settings: Settings) -> None:
    one = begun(blobs, settings)
    other = fork(one)
    losses = [(one.step().loss, other.step().loss) for _ in range(25)]
    assert all(a == b for a, b in losses)
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert one.history.to_dict() == other.history.to_dict()
    assert one.history is not other.history
    assert other.data is one.data


@pytest.mark.parametrize("settings", MODELS)
def test_a_fork_does_not_touch_the_run_it_leaves(blobs: Data, settings: Settings) -> None:
    alone, one = begun(blobs, settings), begun(blobs, settings)
    other = fork(one)
    change_settings(other, settings.replace(lr=settings.lr * 3, dropout=0.6))
    for _ in range(20):
        other.step()
        assert one.step().loss == alone.step().loss
    assert other.loss != one.loss


def test_a_turned_lr_is_the_lr_of_the_next_step(blobs: Data) -> None:
    training = begun(blobs, BASE.replace(momentum=0.0, dropout=0.0))
    before = weights(training)
    assert change_settings(training, training.settings.replace(lr=0.0)) == {"lr": 0.0}
    training.step()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(training), strict=True))


@pytest.mark.parametrize(("optimizer", "key", "value"), [("sgd", "momentum", 0.5),
                                                         ("adam", "betas", (0.5, 0.999)),
                                                         ("rmsprop", "momentum", 0.5),
                                                         ("normalized", "gamma", 0.5)])
def test_momentum_reaches_every_optimiser_and_its_state_stays(blobs: Data, optimizer: str, key: str,
                                                              value: object) -> None:
    training = begun(blobs, BASE.replace(optimizer=optimizer, lr=0.01))
    state = {id(p): dict(s) for p, s in training.optimizer.state.items()}
    change_settings(training, training.settings.replace(momentum=0.5, weight_decay=0.01))
    group = training.optimizer.param_groups[0]
    assert (group[key], group["weight_decay"]) == (value, 0.01)
    assert {id(p): dict(s) for p, s in training.optimizer.state.items()} == state
    training.step()


def test_momentum_may_come_from_nothing_and_nesterov_too(blobs: Data) -> None:
    for optimizer in ("sgd", "nesterov"):
        training = begun(blobs, BASE.replace(optimizer=optimizer, momentum=0.0))
        change_settings(training, training.settings.replace(momentum=0.9))
        training.step()
        assert training.optimizer.param_groups[0]["nesterov"] == (optimizer == "nesterov")


def test_a_cold_knob_is_refused_and_nothing_changes(blobs: Data) -> None:
    training = begun(blobs, BASE)
    with pytest.raises(RecipeError, match="depth=3"):
        change_settings(training, BASE.replace(lr=1.0, depth=3))
    assert training.settings == BASE
    assert training.optimizer.param_groups[0]["lr"] == BASE.lr


def test_augmentation_that_does_not_suit_is_refused_before_anything_changes() -> None:
    table = Data.from_arrays(torch.randn(60, 4).numpy(), torch.arange(60).numpy() % 2)
    training = begun(table, BASE.replace(dropout=0.0))
    with pytest.raises(RecipeError, match="augment"):
        change_settings(training, training.settings.replace(lr=1.0, augment="flip"))
    assert training.optimizer.param_groups[0]["lr"] == BASE.lr


def test_a_new_batch_size_goes_on_with_the_next_unused_sample() -> None:
    plain, cut = BatchIndices(100, 10, seed=3), BatchIndices(100, 10, seed=3)
    order = torch.cat([next(plain) for _ in range(10)])
    first = [next(cut) for _ in range(3)]
    cut.resize(32)
    then = [next(cut) for _ in range(2)]
    assert torch.equal(torch.cat([*first, *then]), order[:30 + 64])
    assert cut.epoch == 0
    assert len(next(cut)) == 32  # six samples were left: a new epoch
    assert cut.epoch == 1


def test_a_resized_iterator_comes_back_from_its_state() -> None:
    one = BatchIndices(100, 10, seed=3)
    next(one)
    one.resize(7)
    next(one)
    other = BatchIndices(100, 7, seed=3)
    other.load_state_dict(one.state_dict())
    for _ in range(30):
        assert torch.equal(next(one), next(other))
    assert one.epoch == other.epoch


def test_a_replay_equals_the_turned_run_to_the_last_bit(blobs: Data) -> None:
    changes = [(5, {"lr": 0.2}), (12, {"batch_size": 8, "dropout": 0.5}),
               (20, {"momentum": 0.0, "schedule": "cosine"})]
    training = begun(blobs, BASE, 0)
    losses = []
    for step in range(30):
        for at, values in changes:
            if at == step:
                change_settings(training, training.settings.replace(**values))
        losses.append(training.step().loss)
    run = replay(blobs, BASE, changes, steps=30)
    assert run.history.series("train_loss") == losses
    assert run.status == "stopped"
    assert run.changes == changes
    assert run.newest == BASE.replace(lr=0.2, batch_size=8, dropout=0.5, momentum=0.0,
                                      schedule="cosine")
    assert run.settings_at(11).lr == 0.2
    assert run.settings_at(11).batch_size == 32


def test_a_replay_without_changes_is_a_plain_run(blobs: Data) -> None:
    assert replay(blobs, BASE).history.to_dict() == train(blobs, BASE).history.to_dict()


def test_changes_are_saved_with_the_run(blobs: Data) -> None:
    run = replay(blobs, BASE, [(3, {"lr": 0.5})])
    again = Run.from_json(run.to_json())
    assert again.changes == [(3, {"lr": 0.5})]
    assert again.newest.lr == 0.5
    with pytest.raises(RecipeError, match="speed"):
        Run.from_json(run.to_json().replace('{"lr": 0.5}', '{"speed": 0.5}'))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("change", "steps"), [((40, {"lr": 0.01}), 40),
                                               ((30, {"max_steps": 20}), 30),
                                               ((40, {"max_steps": 50}), 50),
                                               ((60, {"lr": 0.01}), 40)])
def test_a_change_at_the_end_or_after_it_ends_too(blobs: Data, change: tuple[int, dict],
                                                  steps: int) -> None:
    run = replay(blobs, BASE, [change])
    assert (run.status, run.steps_done) == ("done", steps)


@pytest.mark.timeout(60)
def test_a_diverged_run_is_over_whatever_comes_after(blobs: Data) -> None:
    run = replay(blobs, BASE.replace(lr=1e3, depth=3, activation="identity"), [(3, {"lr": 0.1}),
                                                                               (4, {"lr": 0.2})])
    assert (run.status, run.steps_done, run.changes) == ("diverged", 3, [])
