"""Takes notes while a script trains: it hands every event to the records that it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from recipe_widgets.watch.evidence.checkpoint_record import CheckpointRecords
from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhases
from recipe_widgets.watch.evidence.forward_pass import (
    ForwardPass,
    PendingPasses,
    float_outputs,
    tensors_in,
)
from recipe_widgets.watch.evidence.layer_records import LayerRecords
from recipe_widgets.watch.evidence.loader_record import LoaderRecords, RandomNumberRecords
from recipe_widgets.watch.evidence.loss_record import MOST_TORCH_CALLS, LossRecords
from recipe_widgets.watch.evidence.model_record import ModelRecords
from recipe_widgets.watch.evidence.notable_calls import NotableCalls
from recipe_widgets.watch.evidence.optimizer_record import (
    GradScalerRecord,
    OptimizerRecord,
    OptimizerRecords,
    SchedulerRecords,
)
from recipe_widgets.watch.evidence.sample_records import SampleRecords
from recipe_widgets.watch.instrument.autograd_graph import AutogradGraph, walk_graph
from recipe_widgets.watch.instrument.event_router import EventRouter
from recipe_widgets.watch.instrument.events import EventHandler
from recipe_widgets.watch.instrument.guard import Guard
from recipe_widgets.watch.instrument.heap import trim_heap
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import (
    CallHandler,
    TorchCall,
    TorchCallMonitor,
    seconds_per_call,
)

_TRIM_HEAP_EVERY = 10  # steps that are looked at closely


class Recorder(EventHandler):
    """The records of one run. Each of them owns what it holds; this class only routes events.

    Attributes:
        optimizers, schedulers, grad_scaler: of the steps. models, layers: of modules.
        pending: forward passes that no backward has reached. losses, samples, evaluations, loaders,
        random_numbers, checkpoints, notable_calls: as their names say.
        observers: what follows one thing by itself, by its class.
        loss_graph: what lies behind the loss, from `before_backward` to `after_backward` of steps
            with a full look; None otherwise.
    """

    def __init__(self, last_step: int | None = None,
                 observers: Sequence[Callable[[Recorder], EventHandler]] = ()) -> None:
        self.guard = Guard()
        self._observers = observers
        self._make_records(last_step)

    def _make_records(self, last_step: int | None = None) -> None:
        progress = self.progress = WatchProgress(last_step)
        self.optimizers, self.schedulers = OptimizerRecords(), SchedulerRecords()
        self.grad_scaler = GradScalerRecord()
        self.models, self.pending, self.samples = ModelRecords(), PendingPasses(), SampleRecords()
        self.layers = LayerRecords(self.models, progress)
        self.losses = LossRecords(progress, self.pending)
        self.evaluations = EvaluationPhases(self.models, self.samples, self.pending, progress)
        self.loaders, self.random_numbers = LoaderRecords(), RandomNumberRecords(progress)
        self.checkpoints = CheckpointRecords(progress)
        self.notable_calls = NotableCalls(progress, self.layers)
        self.loss_graph: AutogradGraph | None = None
        # lines of backward passes that ran while the model was in eval mode
        self.eval_mode_backward_lines: set[SourceLocation | None] = set()
        made = {kind: self.guard.attempt(kind, self) for kind in self._observers}
        self.observers = {kind: one for kind, one in made.items() if one is not None}
        self.monitor = TorchCallMonitor(self.guard, self._torch_calls(), self._any_torch_call)
        self.router = EventRouter(self.guard, progress, self.monitor,
                                  [self, *self.observers.values()])

    def _torch_calls(self) -> dict[Any, CallHandler]:
        """Function of torch -> what hears of its calls."""
        hearers: dict[Any, list[CallHandler]] = {}
        tables = [one.torch_calls() for one in self.observers.values()]
        for table in (self.losses.torch_calls(), self.evaluations.torch_calls(),
                      self.random_numbers.torch_calls(), self.notable_calls.torch_calls(), *tables):
            for function, handler in table.items():
                hearers.setdefault(function, []).append(handler)
        return {
            function: handlers[0] if len(handlers) == 1 else self._all_of(handlers)
            for function, handlers in hearers.items()
        }

    def _all_of(self, handlers: list[CallHandler]) -> CallHandler:
        attempt = self.guard.attempt

        def tell(call: TorchCall) -> None:
            for handler in handlers:
                attempt(handler, call)

        return tell

    def forget(self) -> None:
        """Models, optimisers and data may go, even where a module that was imported meanwhile
        keeps one of our patches.
        """
        self.guard.active = False
        self.router.forget()
        self._make_records()

    @property
    def monitor_seconds(self) -> float:
        """Time that the close look took beside its handlers."""
        return self.monitor.calls * seconds_per_call()

    # how closely this step is watched

    def _may_rest(self) -> bool:
        """One optimiser trains one model in plain steps: what many steps have shown need not be
        looked at in each. With several, or a scaler, the order of their calls is worth more.
        """
        alive = [one for one in self.optimizers if one.is_alive]
        return (len(alive) == 1 and not alive[0].by_hand and not self.grad_scaler.used
                and self.pending.newest is None
                and not (torch.distributed.is_available() and torch.distributed.is_initialized()))

    def backward_while_resting(self, loss: torch.Tensor) -> None:
        self.progress.stepped = True
        for one in self.optimizers:
            if one.is_alive:
                one.gradients.backwards += 1
                self.losses.note_value(loss, one.backward_line, 1.0)
        self.evaluations.close()

    def step_while_resting(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.optimizers.of(optimizer)
        if record is None:  # made before the watching began
            self.router.rest_ended(True)
            return
        record.counted(optimizer)
        self._step_taken()

    def rest_ended(self, within_step: bool) -> None:
        self.progress.resting = False
        for one in self.optimizers:
            one.gradients.rest_ended(within_step)

    def _set_monitor(self, evaluation: bool = False) -> None:
        """Opens or closes the close look at every torch call."""
        wanted = (self.progress.close or evaluation) and not self.progress.compiled
        if wanted and self.guard.active and self.losses.torch_calls_seen <= MOST_TORCH_CALLS:
            self.monitor.open()
        else:
            self.monitor.close()

    def _any_torch_call(self, args: Any, kwargs: dict[str, Any]) -> None:
        progress = self.progress
        between = not progress.in_call and not progress.in_backward  # an output and its loss
        if between and progress.close and self.pending.newest is not None:
            self.guard(self.losses.find_candidates, args, kwargs)

    def compilation_began(self) -> None:
        self.progress.compiled = True
        self.monitor.close()

    # forward

    def before_forward(self, model: nn.Module) -> None:
        self.progress.model = None
        if self.progress.resting and torch.is_grad_enabled():
            self.router.rest_ended(True)  # a second pass within one step: that is no plain one
        record = self.models.of(model)
        if record is not None:  # a loss or a transform changes nothing about the look
            # labels and predictions meet after the model: the look stays open behind an evaluation
            evaluates = not torch.is_grad_enabled() or not model.training
            closely = (evaluates and self.evaluations.close_phases_left
                       and self.progress.step > 0)
            self.progress.close_calls += self.progress.close
            if closely != self.monitor.is_open or self.progress.close:
                self._set_monitor(closely)
            self.progress.model = model
        self.progress.grad_at_start = torch.is_grad_enabled()
        self.layers.model_called()
        self.notable_calls.model_called()

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.layers.submodule_called(module, args)

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        attempt, close = self.guard.attempt, self.progress.close
        record = self.models.of(model)
        inputs = tensors_in(args) + tensors_in(kwargs)
        outputs = tensors_in(output, objects=True)
        # without outputs nobody knows whether it was training
        if record is None or self.pending.is_full or not outputs or not inputs \
                or inputs[0].ndim == 0:
            return
        if close:
            self.models.refresh(record)
        with_graph = torch.is_grad_enabled() and any(o.requires_grad for o in outputs)
        # an input with a graph is another model's output, as in a GAN
        from_data = not any(x.grad_fn is not None for x in inputs)
        hashed = from_data and not self.pending.many
        one = ForwardPass(record.number, self.progress.step, len(inputs[0]), model.training,
                          with_graph, from_data,
                          attempt(self.samples.hashes_of, inputs) if hashed else None,
                          self.loaders.current, record.generation)
        self.pending.last = one  # what is compared next belongs to it
        self.random_numbers.passed_through(training=with_graph and model.training)
        if close or self.monitor.is_open:
            one.line, one.inputs, one.outputs = caller_location(), inputs, float_outputs(outputs)
            attempt(record.keep_example, args, kwargs, one.hashes)
        if not with_graph:
            attempt(self.loaders.evaluated, one)
            attempt(self.evaluations.evaluated, one, record)
            return
        one.follow_backward(outputs)
        if close:
            attempt(self.losses.outputs_made, one.outputs)
        self.pending.add(one)

    # backward

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        attempt = self.guard.attempt
        # of several roots the first stands for all
        loss = roots[0]
        attempt(self._watch_hand_made_steps, loss)
        attempt(self.optimizers.observe)
        if self.progress.full and not self.progress.compiled:
            attempt(self._read_graph, loss)
        attempt(self.losses.before_backward, loss)

    def _read_graph(self, loss: torch.Tensor) -> None:
        self.loss_graph = walk_graph(loss)
        self.layers.graph_read(self.loss_graph, self.pending, self.optimizers.parameter_ids)

    def _watch_hand_made_steps(self, loss: torch.Tensor) -> None:
        """A script without optimisers moves its parameters itself."""
        if not len(self.optimizers) and self.optimizers.add_by_hand(loss):
            self.progress.restart_close_steps()
            self._set_monitor()
        if len(self.optimizers) and self.optimizers[0].by_hand and self.optimizers[0].moved_by_hand(
        ):
            self._step_taken()

    def after_backward(self) -> None:
        attempt = self.guard.attempt
        self.progress.stepped = True
        self.loss_graph = None
        line = caller_location()
        reached = [
            one for one in self.optimizers if one.is_alive and attempt(one.after_backward, line)
        ]
        if len(self.optimizers) and not reached:
            self._backward_missed_optimizers()
            return
        factor = self.grad_scaler.factor
        value = attempt(self.losses.after_backward, line, factor)
        attempt(self.evaluations.close)
        passes = self.pending.reached()
        if self.progress.close and value is not None:
            attempt(self._observe_losses, value, factor, line, passes)
        if self.progress.full:
            for record in reached:
                record.gradients.with_gradient |= {
                    id(p) for p in record.parameters() if p.grad is not None
                }
        for position, one in enumerate(passes):
            attempt(self._trained, one, position, line)
        self.pending.drop_reached()
        self.losses.forget_calls()

    def _backward_missed_optimizers(self) -> None:
        """Gradients came to models of which no optimiser holds a parameter: does one hold another
        instance of them?
        """
        for one in self.pending.reached():
            model = self.models.numbered(one.model)
            if model is not None and model.number not in self.models.retained:
                self.models.retain(model)

    def _observe_losses(self, value: float, factor: float, line: SourceLocation | None,
                        passes: list[ForwardPass]) -> None:
        """What each loss of this pass is, and which labels belong to which samples."""
        models = [model for one in passes if (model := self.models.numbered(one.model))]
        has_bias = not any(model.no_output_bias for model in models)
        targets = self.losses.observe(value, factor, line, has_bias)
        known = [target for target in targets if target is not None]
        if not known or len(passes) != 1:
            return  # with two models in one loss nobody knows whose labels they are
        if models and models[0].example is not None and models[0].example_labels is None:
            models[0].example_labels = known[0].detach().clone()
        self.guard.attempt(self.samples.labelled, passes[0], known[0])

    def _trained(self, one: ForwardPass, position: int, line: SourceLocation | None) -> None:
        """A backward pass came through this forward pass, the so-manieth."""
        model = self.models.numbered(one.model)
        if model is None:
            return
        model.trained_in(one.training)
        if model.trained == 1:
            self.progress.restart_close_steps()
            self._set_monitor()
        if model.number not in self.models.retained:
            self.models.retain(model)
        if not one.training:
            self.eval_mode_backward_lines.add(line)
        self.guard.attempt(self.loaders.trained, one)
        self.guard.attempt(self.samples.trained_on, one, position, self.progress.full)
        one.release_tensors()

    def module_gradients_cleared(self, module: nn.Module) -> None:
        self.optimizers.module_cleared(module)

    def gradients_clipped(self, parameters: Any, limit: Any) -> None:
        many = [parameters] if isinstance(parameters, torch.Tensor) else parameters
        if float(limit) == float("inf"):  # only the norm is wanted
            return
        # a few at both ends tell whose gradients they are
        for record in self.optimizers.holding(many[:3] + many[-3:]):
            record.clipped(scaled=self.grad_scaler.is_in(record))

    def function_applied(self, function: Any, args: tuple[Any, ...]) -> None:
        self.notable_calls.function_applied(function, args)

    # optimisers, schedules, loss scaling

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None:
        self._add_optimizer(optimizer)

    def _add_optimizer(self, optimizer: torch.optim.Optimizer) -> OptimizerRecord:
        record = self.optimizers.add(optimizer)
        self.progress.restart_close_steps()
        self._set_monitor()
        return record

    def gradients_cleared(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.optimizers.of(optimizer)
        if record is not None:
            record.cleared()

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.optimizers.of(optimizer)
        if record is None:  # made before the watching began
            record = self._add_optimizer(optimizer)
        self.guard.attempt(record.before_step, self.progress.full)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.optimizers.of(optimizer)
        if record is None:
            return
        attempt = self.guard.attempt
        attempt(record.after_step, self.progress.full)
        for other in self.optimizers:
            if other is not record:
                other.gradients.another_stepped()
        if self.progress.full:
            attempt(self.layers.step_taken, record)
        self.losses.forget_calls()
        self._step_taken()

    def _step_taken(self) -> None:
        # passes with gradients that no backward followed for two steps were evaluations
        old = self.pending.take_older_than(self.progress.step)
        self.guard.attempt(self.evaluations.never_trained, old)
        was_close, rested = self.progress.close, self.progress.resting
        self.progress.advance(self.samples.train_store.count)
        self.progress.resting = self.progress.sparse and self._may_rest()
        if rested and not self.progress.resting:
            self.router.rest_ended(False)
        self._set_monitor()
        if was_close and self.progress.step % _TRIM_HEAP_EVERY == 0:
            trim_heap()
        if self.progress.is_over:
            self.guard.active = False
            self.monitor.close()

    def scheduler_made(self, scheduler: Any) -> None:
        self.schedulers.made(scheduler)

    def loss_scaled(self, scaler: Any, scaled: Any) -> None:
        self.grad_scaler.scaled(scaler)

    def gradients_unscaled(self, scaler: Any, optimizer: torch.optim.Optimizer) -> None:
        self.grad_scaler.unscaled(optimizer)

    def scale_updated(self, scaler: Any) -> None:
        self.grad_scaler.updated()

    # weights

    def tensor_initialised(self, tensor: Any) -> None:
        self.layers.tensor_initialised(tensor)

    def before_state_loaded(self, module: nn.Module, state: Any) -> Any:
        return self.checkpoints.before_load(module, state)

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any, result: Any) -> None:
        self.checkpoints.after_load(module, state, before, result)

    def state_taken(self, module: nn.Module, state: Any) -> None:
        self.checkpoints.taken(module, state)

    def state_saved(self, thing: Any) -> None:
        self.checkpoints.saved(thing, self._held_parameters())

    def _held_parameters(self) -> Iterable[torch.Tensor]:
        return [p for record in self.optimizers for p in record.parameters()]

    # data, random numbers, printing

    def loader_made(self, loader: Any) -> None:
        self.loaders.made(loader)

    def loader_iterated(self, loader: Any, iterator: Any) -> None:
        self.loaders.iterated(loader, iterator)

    def batch_loaded(self, iterator: Any) -> None:
        self.loaders.batch_loaded(iterator)

    def generator_seeded(self, name: str, args: tuple[Any, ...]) -> None:
        self.random_numbers.seeded(name, args)

    def line_printed(self, line: str) -> None:
        self.evaluations.line_printed(line)

    # the end

    def script_ended(self) -> None:
        attempt = self.guard.attempt
        self.monitor.close()
        attempt(self.evaluations.never_trained, self.pending.take_all())
        attempt(self.evaluations.close, True)
        for optimizer in self.optimizers:
            attempt(optimizer.look_again)
        for model in self.models:
            attempt(self.models.refresh, model)
