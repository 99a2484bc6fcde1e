"""Replaces functions of PyTorch by ones that tell an `EventHandler`, and puts them back."""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import logging
import os
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.graph import GradientEdge
from torch.nn.modules.module import register_module_module_registration_hook
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from recipe_widgets.watch.instrument.events import EventHandler
from recipe_widgets.watch.instrument.imported_modules import ImportHook
from recipe_widgets.watch.instrument.tracing import TRACING_FUNCTIONS, are_readable
from recipe_widgets.watch.instrument.warning_lines import at_own_line

# of sklearn: those that rank scores, and those that treat labels and predictions differently
METRICS = ("roc_auc_score", "average_precision_score", "roc_curve", "precision_recall_curve",
           "det_curve", "log_loss", "precision_score", "recall_score", "fbeta_score",
           "confusion_matrix", "classification_report", "precision_recall_fscore_support", "r2_score",
           "explained_variance_score", "mean_absolute_percentage_error", "f1_score", "accuracy_score")

_current_handler: EventHandler | None = None
_fork_hook_registered = False


def _after_fork_in_child() -> None:
    """Worker processes of loaders are not watched: what they see would be lost with them."""
    if _current_handler is not None:
        _current_handler.guard.active = False


def tuple_of_roots(roots: Any) -> tuple[Any, ...]:
    """What torch.autograd.backward was given, as it reads it itself: one tensor or edge of a graph,
    or any iterable of them.
    """
    return (roots, ) if isinstance(roots, (torch.Tensor, GradientEdge)) else tuple(roots)


class CallPatches:
    """Everything that is replaced while a script is watched. `install()` and `remove()`."""

    def __init__(self, handler: EventHandler) -> None:
        self.handler = handler
        self._replaced: list[tuple[Any, str, Any, Any]] = []  # owner, name, old, new
        self._hooks: list[Any] = []

    def install(self) -> None:
        global _current_handler, _fork_hook_registered
        _current_handler = self.handler
        if not _fork_hook_registered and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork_in_child)
            _fork_hook_registered = True  # it cannot be taken off again
        self._patch_optimizers()
        self._patch_clipping()
        self._patch_module_calls()
        self._patch_weights()
        self._patch_autograd()
        self._patch_distributions()
        self._patch_compile()
        self._patch_tracing()
        self._patch_data()
        self._patch_printing()
        self._hooks += [ImportHook("sklearn.metrics", self._patch_metrics),
                        ImportHook("PIL.Image", self._patch_images)]
        self._replace(warnings, "_showwarnmsg",
                      functools.partial(at_own_line, guard=self.handler.guard))

    def remove(self) -> None:
        for owner, name, old, _ in reversed(self._replaced):
            setattr(owner, name, old)
        for hook in self._hooks:
            hook.remove()
        self._replaced, self._hooks = [], []

    # the two ways to replace a function

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """owner.name becomes make(old)."""
        old = _own(owner, name)
        new = make(old)
        self._replaced.append((owner, name, old, new))
        setattr(owner, name, new)

    def _tell_after(self, owner: Any, name: str, tell: Callable[[Any, Any], Any],
                    also_resting: bool = True) -> None:
        """tell(result, args) once the old function is through. args: those given by position.
        also_resting: in steps that are only counted, too.
        """
        guard, handler = self.handler.guard, self.handler

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                result = old(*args, **kwargs)
                if guard.active and (also_resting or not handler.progress.resting):
                    guard(tell, result, args)
                return result

            return wrapper

        self._replace(owner, name, make)

    # optimisers

    def _patch_optimizers(self) -> None:
        handler, guard = self.handler, self.handler.guard

        def before_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            if not handler.progress.resting and _holds_numbers(optimizer):
                guard(handler.before_step, optimizer)

        def after_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            if handler.progress.resting:
                guard(handler.step_while_resting, optimizer)
            elif _holds_numbers(optimizer):
                guard(handler.after_step, optimizer)

        # Hooks and not a patch of step(): each optimiser class has a step of its own. They are also
        # called for a step that a GradScaler or a closure takes.
        self._hooks = [
            register_optimizer_step_pre_hook(before_step),
            register_optimizer_step_post_hook(after_step),
        ]
        # An optimiser that never steps calls no hook: without this it would not be known at all.
        self._tell_after(torch.optim.Optimizer, "__init__",
                         lambda _, args: handler.optimizer_made(args[0]))
        self._tell_after(torch.optim.Optimizer, "load_state_dict",
                         lambda _, args: handler.optimizer_state_loaded(args[0], args[-1]))
        # Both kinds of zero_grad. Gradients that are cleared otherwise (p.grad = None) are noticed
        # at the next look; the line is known only here.
        self._tell_after(torch.optim.Optimizer, "zero_grad",
                         lambda _, args: handler.gradients_cleared(args[0]), also_resting=False)
        self._tell_after(nn.Module, "zero_grad",
                         lambda _, args: handler.module_gradients_cleared(args[0]),
                         also_resting=False)
        for kind in (LRScheduler, ReduceLROnPlateau, SequentialLR, ChainedScheduler):
            self._tell_after(kind, "__init__", lambda _, args: handler.scheduler_made(args[0]))
        self._patch_scheduler_steps()
        scaler = torch.amp.GradScaler
        # Gradients are multiplied by the scaler's factor until unscale_: losses and clipping can
        # only be judged when that factor is known.
        self._tell_after(scaler, "scale", lambda scaled, args: handler.loss_scaled(args[0], scaled))
        self._tell_after(scaler, "unscale_", lambda _, args: handler.gradients_unscaled(*args))
        self._tell_after(scaler, "update", lambda _, args: handler.scale_updated(args[0]))

    def _patch_scheduler_steps(self) -> None:
        handler, guard = self.handler, self.handler.guard

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def step(self: Any, *args: Any, **kwargs: Any) -> Any:
                result = old(self, *args, **kwargs)
                given = [*args, *kwargs.values()]
                guard(handler.scheduler_stepped, self, given[0] if given else None)
                return result

            return step

        # What step() of the base class calls last: its warnings name the line of its caller.
        self._replace(LRScheduler, "_update_lr", make)
        for kind in vars(lr_scheduler).values():  # some have a step of their own
            if isinstance(kind, type) and issubclass(kind, LRScheduler) \
                    and kind is not LRScheduler and "step" in vars(kind):
                self._replace(kind, "step", make)
        for kind in vars(lr_scheduler).values():
            if isinstance(kind, type) and issubclass(kind, LRScheduler) \
                    and "load_state_dict" in vars(kind):
                self._tell_after(kind, "load_state_dict",
                                 lambda _, args: handler.scheduler_state_loaded(args[0]))

    def _patch_clipping(self) -> None:
        """Clipping leaves no trace when gradients are small: the order of calls is the evidence."""
        handler, module = self.handler, torch.nn.utils.clip_grad

        def make(old: Any, limit: str) -> Any:
            signature = inspect.signature(old)

            @functools.wraps(old)
            def clip(*args: Any, **kwargs: Any) -> Any:
                if handler.progress.resting:
                    return old(*args, **kwargs)
                call = signature.bind(*args, **kwargs)
                if not isinstance(call.arguments["parameters"], torch.Tensor):
                    # a generator can be read only once
                    call.arguments["parameters"] = list(call.arguments["parameters"])
                handler.guard(handler.gradients_clipped, call.arguments["parameters"],
                              call.arguments[limit])
                return old(*call.args, **call.kwargs)

            return clip

        for name, limit in (("clip_grad_norm_", "max_norm"), ("clip_grad_value_", "clip_value")):
            self._replace(module, name, functools.partial(make, limit=limit))
            # torch.nn.utils holds the same functions under names of its own.
            clip = getattr(module, name)
            self._replace(torch.nn.utils, name, functools.partial(_instead, new=clip))

    # modules

    def _patch_module_calls(self) -> None:
        """nn.Module.__call__ and not forward hooks: global hooks would switch off the fast path of
        every call, and cannot tell the outermost call from those inside it.
        """
        handler, guard = self.handler, self.handler.guard

        def make(old: Any) -> Any:
            def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
                if torch.compiler.is_compiling():  # first: what follows would enter the graph
                    return old(self, *args, **kwargs)
                progress = handler.progress
                if progress.in_call and guard.active:  # most calls, and most of them unheard
                    if progress.full or handler.monitor.is_open:
                        guard(handler.submodule_called, self, args)
                    return old(self, *args, **kwargs)
                # a backward pass calls parts of a model again where activations are checkpointed
                if not guard.listens or progress.in_backward or not (
                        are_readable(args) and are_readable(kwargs.values())):
                    return old(self, *args, **kwargs)
                # Late in a run most training passes are only marked as running, for speed.
                skipped = progress.sparse and progress.stepped and torch.is_grad_enabled()
                if skipped:
                    progress.stepped = False
                else:
                    guard.heard(handler.before_forward, self)
                progress.in_call = True
                try:
                    output = old(self, *args, **kwargs)
                finally:
                    progress.in_call = False
                if not skipped:
                    guard(handler.after_forward, self, args, kwargs, output)
                return output

            return __call__

        self._replace(nn.Module, "__call__", make)

    def _patch_weights(self) -> None:
        handler, guard = self.handler, self.handler.guard

        def make_load(old: Any) -> Any:
            @functools.wraps(old)
            def load_state_dict(self: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
                # Before loading: afterwards a state dict that is an alias of the weights looks like
                # a copy of them.
                before = guard(handler.before_state_loaded, self, state_dict)
                result = old(self, state_dict, *args, **kwargs)
                guard(handler.after_state_loaded, self, state_dict, before, result)
                return result

            return load_state_dict

        self._replace(nn.Module, "load_state_dict", make_load)
        # The step at which a state was taken tells an alias of later weights from a copy.
        self._tell_after(nn.Module, "state_dict",
                         lambda state, args: handler.state_taken(args[0], state))

        def make_save(old: Any) -> Any:
            @functools.wraps(old)
            def save(thing: Any, *args: Any, **kwargs: Any) -> Any:
                guard(handler.state_saved, thing)
                return old(thing, *args, **kwargs)

            return save

        self._replace(torch, "save", make_save)
        # Which parameters are the same, newer than an optimiser, or made anew in each step.
        def tell_registered(_: Any, args: Any) -> None:
            if len(args) == 3:
                handler.parameter_registered(*args)

        self._tell_after(nn.Module, "register_parameter", tell_registered)
        # parameters() calls it, too
        self._tell_after(
            nn.Module, "named_parameters", lambda _, args: handler.parameters_listed(args[0])
        )

        def tell_module(parent: nn.Module, name: str, module: Any) -> None:
            if module is not None:
                guard(handler.module_registered, parent, name, module)

        self._hooks.append(register_module_module_registration_hook(tell_module))
        self._tell_after(torch, "load", lambda thing, _: handler.file_loaded(thing))
        # Weights that still are what an initialisation drew have not been loaded nor trained.
        for name in dir(nn.init):
            if name.endswith("_") and not name.startswith("_"):
                self._tell_after(nn.init, name,
                                 lambda tensor, _: handler.tensor_initialised(tensor))

    # autograd

    def _patch_autograd(self) -> None:
        handler, guard = self.handler, self.handler.guard

        def make_backward(old: Any) -> Any:
            # Tensor.backward ends here, too. A hook on the loss would not see the finished pass.
            @functools.wraps(old)
            def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
                # once: what can be iterated only once is the script's own
                tensors = tuple_of_roots(tensors)
                progress = handler.progress
                if progress.resting and tensors and guard.in_watched_thread():
                    progress.in_backward = True
                    try:
                        result = old(tensors, *args, **kwargs)
                    finally:
                        progress.in_backward = False
                    guard(handler.backward_while_resting, tensors[0])
                    return result
                tensors_only = all(isinstance(one, torch.Tensor) for one in tensors)
                if not guard.listens or not tensors or not tensors_only or not are_readable(tensors):
                    return old(tensors, *args, **kwargs)
                guard.heard(handler.before_backward, tensors)
                progress.in_backward = True
                try:
                    result = old(tensors, *args, **kwargs)
                finally:  # a script may go on after too little memory
                    progress.in_backward = False
                guard(handler.after_backward)
                return result

            return backward

        self._replace(torch.autograd, "backward", make_backward)

        def make_apply(old: Any) -> Any:
            # The only place at which the inputs of a custom function are still whole: its
            # derivative is checked on them afterwards.
            def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
                if guard.active and handler.progress.close and not torch.compiler.is_compiling():
                    guard(handler.function_applied, cls, args)
                return old.__get__(None, cls)(*args, **kwargs)

            return classmethod(apply)

        self._replace(torch.autograd.Function, "apply", make_apply)

    def _patch_distributions(self) -> None:
        """Each distribution has a sample() and a log_prob() of its own."""
        handler = self.handler
        self._tell_after(
            torch.distributions.Distribution,
            "__init__",
            lambda _, args: handler.distribution_made(args[0]),
        )
        for kind in {one for one in vars(torch.distributions).values() if isinstance(one, type)}:
            if "sample" in vars(kind):
                self._tell_after(
                    kind,
                    "sample",
                    lambda sample, args: handler.distribution_sampled(args[0], sample),
                )
            if "log_prob" in vars(kind):
                self._tell_after(
                    kind,
                    "log_prob",
                    lambda result, args: handler.log_probability_taken(args[0], result),
                )

    def _patch_compile(self) -> None:
        """A torch function mode breaks compiled graphs: the close look ends before compiling."""
        handler = self.handler

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def compile_(*args: Any, **kwargs: Any) -> Any:
                handler.compilation_began()
                return old(*args, **kwargs)

            return compile_

        self._replace(torch, "compile", make)

    def _patch_tracing(self) -> None:
        """While torch traces, its functions are its own again."""
        def make(old: Any) -> Any:
            looks_for_its_caller = "_frames_up" in inspect.signature(old).parameters

            @functools.wraps(old)
            def trace(*args: Any, **kwargs: Any) -> Any:
                if looks_for_its_caller:  # names in a script's classes are looked up there
                    kwargs["_frames_up"] = kwargs.get("_frames_up", 0) + 1
                with self._set_aside():
                    return old(*args, **kwargs)

            return trace

        for owner, name in TRACING_FUNCTIONS:
            self._replace(owner, name, make)

    @contextlib.contextmanager
    def _set_aside(self) -> Iterator[None]:
        """Nothing is replaced, nor heard of, inside this block."""
        guard, monitor = self.handler.guard, self.handler.monitor
        if not guard.in_watched_thread() or guard.aside:
            yield
            return
        was_open = monitor.is_open
        monitor.close()
        # what the script itself has put over a patch stays
        mine = [(owner, name, old, new) for owner, name, old, new in self._replaced
                if _own(owner, name) is new]
        for owner, name, old, _ in reversed(mine):
            setattr(owner, name, old)
        try:
            with guard.step_aside():
                yield
        finally:
            if self._replaced:  # or the watching has ended meanwhile
                for owner, name, _, new in mine:
                    setattr(owner, name, new)
            if was_open and guard.active:
                monitor.open()

    # data, random numbers, printing

    def _patch_data(self) -> None:
        handler = self.handler
        self._tell_after(DataLoader, "__init__",
                         lambda _, args: handler.loader_made(args[0]))
        # Iterators and not DataLoader.__iter__: that is called for every epoch, but which batch
        # came last shows only in __next__.
        self._tell_after(_BaseDataLoaderIter, "__init__",
                         lambda _, args: handler.loader_iterated(args[1], args[0]))
        def make_next(old: Any) -> Any:
            @functools.wraps(old)
            def __next__(self: Any) -> Any:  # noqa: N807
                try:
                    batch = old(self)
                except StopIteration:
                    handler.guard(handler.loader_exhausted, self)
                    raise
                handler.guard(handler.batch_loaded, self)
                return batch

            return __next__

        self._replace(_BaseDataLoaderIter, "__next__", make_next)
        # A seed set again in every epoch repeats the same augmentation and order.
        def tell_seed(_: Any, args: Any, name: str) -> None:
            handler.generator_seeded(name, args)

        for owner, name in ((torch, "manual_seed"), (np.random, "seed"), (random, "seed")):
            self._tell_after(owner, name, functools.partial(tell_seed, name=name))

    def _patch_metrics(self, module: Any) -> None:
        """Which of their arguments are predictions shows only here: they are arrays by then."""
        handler = self.handler

        def make(old: Any, name: str) -> Any:
            @functools.wraps(old)
            def metric(*args: Any, **kwargs: Any) -> Any:
                if handler.guard.active:
                    names = [key for key in ("y_true", "y_score", "y_pred", "y_proba") if key in kwargs]
                    given = [*args[:2], *(kwargs[key] for key in names)]
                    if len(given) == 2:
                        handler.guard(handler.metric_computed, name, *given)
                return old(*args, **kwargs)

            return metric

        for name in METRICS:
            if hasattr(module, name):
                self._replace(module, name, functools.partial(make, name=name))

    def _patch_images(self, module: Any) -> None:
        handler = self.handler

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def resize(image: Any, size: Any, resample: Any = None, *args: Any, **kwargs: Any) -> Any:
                result = old(image, size, resample, *args, **kwargs)
                if handler.guard.active:
                    handler.guard(handler.image_resized, image, resample, result)
                return result

            return resize

        self._replace(module.Image, "resize", make)

    def _patch_printing(self) -> None:
        """Printed metrics are held against a recount of what the model really got right."""
        handler, guard = self.handler, self.handler.guard

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def print_(*args: Any, **kwargs: Any) -> Any:
                if guard.active and not handler.progress.in_call:
                    guard(handler.line_printed, " ".join(map(str, args)))
                return old(*args, **kwargs)

            return print_

        self._replace(builtins, "print", make)
        self._tell_after(logging.Logger, "callHandlers",
                         lambda _, args: handler.line_printed(args[1].getMessage()))


def _instead(_: Any, new: Any) -> Any:
    return new


def _own(owner: Any, name: str) -> Any:
    """What stands under this name."""
    # From the class's own __dict__: getattr would unwrap a classmethod, and remove() could not put
    # the same object back.
    own = isinstance(owner, type) and name in owner.__dict__
    return owner.__dict__[name] if own else getattr(owner, name)


def _holds_numbers(optimizer: torch.optim.Optimizer) -> bool:
    """Not an optimiser of a model on the meta device."""
    return are_readable(group["params"][0] for group in optimizer.param_groups if group["params"])
