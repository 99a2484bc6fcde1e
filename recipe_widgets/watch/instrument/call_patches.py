"""Puts the recorder's ears onto torch, and takes them off again."""

from __future__ import annotations

import builtins
import functools
import logging
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from recipe_widgets.watch.instrument import torch_entries as hearing
from recipe_widgets.watch.recorder import Recorder

_current: Recorder | None = None
_at_fork_done = False


def _in_child() -> None:
    """Worker processes are not watched."""
    if _current is not None:
        _current.active = False


class Patches:
    """Everything that is replaced while a recorder listens. `install()` and `remove()`."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._undo: list[tuple[Any, str, Any]] = []
        self._handles: list[Any] = []

    def install(self) -> None:
        global _current, _at_fork_done
        _current = self.recorder
        if not _at_fork_done and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
            _at_fork_done = True
        self._optimizers()
        self._modules()
        self._autograd()
        self._data()
        self._rest()

    def remove(self) -> None:
        for owner, name, old in reversed(self._undo):
            setattr(owner, name, old)
        for handle in self._handles:
            handle.remove()
        self._undo, self._handles = [], []

    def _replace(self, owner: Any, name: str, new: Callable[[Any], Any]) -> None:
        old = owner.__dict__[name] if isinstance(
            owner, type) and name in owner.__dict__ else getattr(owner, name)
        self._undo.append((owner, name, old))
        setattr(owner, name, new(old))

    def _after(self, owner: Any, name: str, entry: Callable[..., Any]) -> None:
        """entry(result, *args, **kwargs) once the old function is through."""
        recorder = self.recorder

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                result = old(*args, **kwargs)
                if recorder.active:
                    recorder.guard(functools.partial(entry, result, *args, **kwargs))
                return result

            return wrapper

        self._replace(owner, name, make)

    def _optimizers(self) -> None:
        r = self.recorder
        self._handles = [
            register_optimizer_step_pre_hook(lambda o, *_: r.guard(r.before_step, o)),
            register_optimizer_step_post_hook(lambda o, *_: r.guard(r.after_step, o)),
        ]
        self._after(torch.optim.Optimizer, "__init__", lambda _, o, *a, **k: r.optimizer_made(o))
        self._after(torch.optim.Optimizer, "zero_grad", lambda _, o, *a, **k: r.zeroed(o))
        self._after(nn.Module, "zero_grad", lambda _, m, *a, **k: r.module_zeroed(m))
        self._after(LRScheduler, "__init__", lambda _, s, *a, **k: hearing.scheduled(r, s))
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            self._clip(name)

    def _clip(self, name: str) -> None:
        r, module = self.recorder, torch.nn.utils.clip_grad

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def wrapper(parameters: Any, limit: Any, *args: Any, **kwargs: Any) -> Any:
                if not isinstance(parameters, torch.Tensor):
                    parameters = list(parameters)
                r.guard(r.clipped, parameters, limit)
                return old(parameters, limit, *args, **kwargs)

            def keyworded(*args: Any, **kwargs: Any) -> Any:
                for key in ("max_norm", "clip_value"):
                    if key in kwargs:
                        args = (*args,
                                kwargs.pop(key)) if len(args) == 1 else (kwargs.pop("parameters"),
                                                                         kwargs.pop(key))
                return wrapper(*args, **kwargs)

            return functools.wraps(old)(keyworded)

        self._replace(module, name, make)
        self._undo.append((torch.nn.utils, name, getattr(torch.nn.utils, name)))
        setattr(torch.nn.utils, name, getattr(module, name))

    def _modules(self) -> None:
        r = self.recorder

        def make(old: Any) -> Any:
            def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
                if not r.active or torch.compiler.is_compiling() or threading.get_ident(
                ) != r.thread:
                    return old(self, *args, **kwargs)
                if r.depth:
                    if r.full or r.looker.is_open:
                        r.guard(r.modules.nested, self, args)
                    return old(self, *args, **kwargs)
                # late in a run only some are looked at
                if r.sparse and r.just_stepped and torch.is_grad_enabled():
                    r.just_stepped, r.depth = False, 1
                    try:
                        return old(self, *args, **kwargs)
                    finally:
                        r.depth = 0
                r.guard(r.before_forward, self)
                r.guard(r.modules.begins, self)
                r.looker.ordinal = 0
                r.depth = 1
                try:
                    out = old(self, *args, **kwargs)
                finally:
                    r.depth = 0
                r.guard(r.forward, self, args, kwargs, out)
                return out

            return __call__

        self._replace(nn.Module, "__call__", make)
        self._loading()
        for name in dir(nn.init):
            if name.endswith("_") and not name.startswith("_"):
                self._after(nn.init, name, lambda t, *a, **k: hearing.marked(r, t))

    def _loading(self) -> None:
        r = self.recorder

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def load_state_dict(self: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
                facts = r.guard(hearing.before_load, r, self, state_dict)
                result = old(self, state_dict, *args, **kwargs)
                r.guard(hearing.after_load, r, self, state_dict, facts, result)
                return result

            return load_state_dict

        self._replace(nn.Module, "load_state_dict", make)
        self._after(nn.Module, "state_dict", lambda d, m, *a, **k: hearing.state_taken(r, d, m))

        def saving(old: Any) -> Any:
            @functools.wraps(old)
            def save(thing: Any, *args: Any, **kwargs: Any) -> Any:
                r.guard(hearing.state_saved, r, thing)
                return old(thing, *args, **kwargs)

            return save

        self._replace(torch, "save", saving)

    def _autograd(self) -> None:
        r = self.recorder

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
                r.guard(r.before_backward, tensors)
                result = old(tensors, *args, **kwargs)
                r.guard(r.after_backward)
                return result

            return backward

        self._replace(torch.autograd, "backward", make)
        self._functions()
        scaler = torch.amp.GradScaler
        self._after(scaler, "scale", lambda _, s, *a, **k: hearing.scaled(r, s))
        self._after(scaler, "unscale_", lambda _, s, o, *a, **k: r.unscaled.add(o))
        self._after(scaler, "update", lambda _, s, *a, **k: r.unscaled.clear())

        def quiet(old: Any) -> Any:
            @functools.wraps(old)
            def compile_(*args: Any, **kwargs: Any) -> Any:
                r.quiet = True  # compiled code must not meet a mode
                r.looker.close()
                return old(*args, **kwargs)

            return compile_

        self._replace(torch, "compile", quiet)

    def _functions(self) -> None:
        """Functions of the reader's own: keeps the inputs of one call."""
        r = self.recorder

        def make(old: Any) -> Any:
            def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
                if r.active and r.light and cls not in r.seen.functions and not torch.compiler.is_compiling(
                ):
                    r.guard(hearing.applied, r, cls, args)
                return old.__get__(None, cls)(*args, **kwargs)

            return classmethod(apply)

        self._replace(torch.autograd.Function, "apply", make)

    def _data(self) -> None:
        r = self.recorder
        self._after(DataLoader, "__init__",
                    lambda _, loader, *a, **k: hearing.loader_made(r, loader))
        self._after(_BaseDataLoaderIter, "__init__",
                    lambda _, it, loader, *a, **k: hearing.iterated(r, it, loader))
        self._after(_BaseDataLoaderIter, "__next__",
                    lambda _, it, *a, **k: hearing.next_batch(r, it))
        for owner, name in ((torch, "manual_seed"), (np.random, "seed"), (random, "seed")):
            self._after(owner, name, lambda _, *a, n=name, **k: hearing.seeded(r, n, a))

    def _rest(self) -> None:
        r = self.recorder

        def make(old: Any) -> Any:
            @functools.wraps(old)
            def print_(*args: Any, **kwargs: Any) -> Any:
                if r.active and not r.depth:
                    r.guard(r.printed, " ".join(map(str, args)))
                return old(*args, **kwargs)

            return print_

        self._replace(builtins, "print", make)
        self._after(logging.Logger, "callHandlers",
                    lambda _, logger, record: r.printed(record.getMessage()))
