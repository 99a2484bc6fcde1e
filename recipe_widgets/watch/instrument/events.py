"""The events of a training script: what the patches tell, and in which order.

A training step is: `before_forward`, `submodule_called` (now and then), `after_forward`,
`before_backward`, `after_backward`, `before_step`, `after_step`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets.watch.instrument.guard import Guard
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCallMonitor


class EventHandler:
    """Receives the events; every method does nothing here. A handler that fails hears nothing more
    of the object that it failed for.

    Attributes:
        guard: calls the methods below. progress: where the run is.
        monitor: sees single torch calls while it is open.
    """

    guard: Guard
    progress: WatchProgress
    monitor: TorchCallMonitor

    def torch_calls(self) -> dict[Any, CallHandler]:
        """Function of torch -> what hears of each of its calls, while the monitor is open."""
        return {}

    # modules: one call that no other module's call encloses

    def before_forward(self, model: nn.Module) -> None:
        """A module is called that no other one is calling."""

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A module is called within another one's forward. Only when looked at closely."""

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        """The call of `before_forward` has returned."""

    # gradients

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        """torch.autograd.backward begins. roots: the loss, or several; one at least."""

    def after_backward(self) -> None: ...

    def module_gradients_cleared(self, module: nn.Module) -> None:
        """module.zero_grad()"""

    def gradients_clipped(self, parameters: Any, limit: Any) -> None:
        """clip_grad_norm_ or clip_grad_value_ is about to run."""

    def function_applied(self, function: Any, args: tuple[Any, ...]) -> None:
        """The script's own torch.autograd.Function is about to run."""

    # distributions

    def distribution_made(self, distribution: Any) -> None:
        """A distribution of torch.distributions has its parameters."""

    def distribution_sampled(self, distribution: Any, sample: Any) -> None:
        """distribution.sample() of torch.distributions; rsample is not told."""

    def log_probability_taken(self, distribution: Any, result: Any) -> None:
        """distribution.log_prob(value)"""

    # steps that are only counted, as those of a long run of one optimiser

    def backward_while_resting(self, loss: torch.Tensor) -> None:
        """A backward pass is complete, of which nothing else is told."""

    def step_while_resting(self, optimizer: torch.optim.Optimizer) -> None:
        """The same of a step."""

    def rest_ended(self, within_step: bool) -> None:
        """What comes next is told again. within_step: a part of this step was not."""

    # optimisers, schedules, loss scaling

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None: ...

    def gradients_cleared(self, optimizer: torch.optim.Optimizer) -> None:
        """optimizer.zero_grad()"""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None: ...

    def after_step(self, optimizer: torch.optim.Optimizer) -> None: ...

    def optimizer_state_loaded(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        """optimizer.load_state_dict(state)"""

    def scheduler_made(self, scheduler: Any) -> None: ...

    def scheduler_stepped(self, scheduler: Any, metric: Any) -> None:
        """scheduler.step(), also from its own constructor. metric: its first argument, or None."""

    def scheduler_state_loaded(self, scheduler: Any) -> None:
        """scheduler.load_state_dict(...)"""

    def loss_scaled(self, scaler: Any, scaled: Any) -> None:
        """GradScaler.scale(loss). scaled: what it returned."""

    def gradients_unscaled(self, scaler: Any, optimizer: torch.optim.Optimizer) -> None: ...

    def scale_updated(self, scaler: Any) -> None: ...

    # weights

    def parameter_registered(self, module: nn.Module, name: str, parameter: Any) -> None:
        """A parameter, or None, became a part of a module."""

    def parameters_listed(self, module: nn.Module) -> None:
        """module.parameters() or module.named_parameters()"""

    def module_registered(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        """A module is about to become a part of another one; what it takes the place of is still
        there.
        """

    def tensor_initialised(self, tensor: Any) -> None:
        """A function of torch.nn.init has filled a tensor."""

    def before_state_loaded(self, module: nn.Module, state: Any) -> Any:
        """What this returns is handed to `after_state_loaded`."""

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any,
                           result: Any) -> None: ...

    def state_taken(self, module: nn.Module, state: Any) -> None:
        """module.state_dict()"""

    def file_loaded(self, thing: Any) -> None:
        """torch.load has returned this."""

    def state_saved(self, thing: Any) -> None:
        """torch.save(thing) is about to run."""

    # data, random numbers, printing

    def loader_made(self, loader: Any) -> None: ...

    def loader_iterated(self, loader: Any, iterator: Any) -> None: ...

    def batch_loaded(self, iterator: Any) -> None: ...

    def loader_exhausted(self, iterator: Any) -> None:
        """An iterator over a loader said that it is over."""

    def image_resized(self, image: Any, resample: Any, result: Any) -> None:
        """PIL.Image.Image.resize has returned."""

    def metric_computed(self, name: str, first: Any, second: Any) -> None:
        """A function of sklearn.metrics is about to run. first, second: its first two arguments."""

    def generator_seeded(self, name: str, args: tuple[Any, ...]) -> None:
        """torch.manual_seed, numpy.random.seed or random.seed. name: that of the function."""

    def line_printed(self, line: str) -> None:
        """print or a logger."""

    # the watching itself

    def compilation_began(self) -> None:
        """torch.compile is about to run."""

    def script_ended(self) -> None:
        """The script has come to its end, or the watching has."""
