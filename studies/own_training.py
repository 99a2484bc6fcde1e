"""Ways to train that `Settings` cannot say, for the `train` of an arm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from torch import nn
from torch.optim import Optimizer

from recipe_widgets import Data, Run, Settings
from recipe_widgets.models import build_model
from recipe_widgets.training import Training, advance, end_with_best

Train = Callable[[Data, Settings, Sequence[int]], list[Run]]


class Steps(Protocol):
    """What training asks of an optimiser."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...

    def zero_grad(self) -> None: ...

    def step(self) -> Any: ...


def model_of(run: Run) -> nn.Module:
    """The model of a run that trained one."""
    assert run.model is not None
    return run.model


def with_model(make: Callable[[Settings, Data], nn.Module]) -> Train:
    """The usual training of a model of one's own."""
    def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        each = [settings.replace(seed=seed) for seed in seeds]
        return [_to_the_end(Training(make(one, data), data, one)) for one in each]

    trained.__name__ = f"model_{make.__name__}"
    return trained


def with_optimizer(make: Callable[[nn.Module, Settings], Steps]) -> Train:
    """The usual training with an optimiser of one's own."""
    def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        runs = []
        for seed in seeds:
            own = settings.replace(seed=seed)
            training = Training(build_model(own, data.shape, data.num_classes), data, own)
            training.optimizer = cast(Optimizer, make(training.model, own))
            runs.append(_to_the_end(training))
        return runs

    trained.__name__ = f"optimizer_{make.__name__}"
    return trained


def _to_the_end(training: Training) -> Run:
    run = training.new_run()
    for _ in advance(training, run):
        pass
    end_with_best(training, run)
    return run
