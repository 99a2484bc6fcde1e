"""What is written down when a patched function of PyTorch is called."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from recipe_widgets.watch.evidence.records import LoaderRecord
from recipe_widgets.watch.instrument.source_location import place
from recipe_widgets.watch.recorder import Recorder


def scheduled(r: Recorder, scheduler: Any) -> None:
    plan = {
        k: float(v)
        for k, v in vars(scheduler).items()
        if isinstance(v, (int, float)) and k in ("total_steps", "T_max", "step_size", "gamma",
                                                 "T_0", "total_iters")
    }
    r.schedulers.append({
        "scheduler": weakref.ref(scheduler), "at": place(4), "kind": type(scheduler).__name__,
        "plan": plan, "optimizer": weakref.ref(scheduler.optimizer), "start": scheduler.last_epoch,
        "keep": scheduler
    })
    del r.schedulers[:-8]


def marked(r: Recorder, t: Any) -> None:
    if isinstance(t, torch.Tensor):
        r.marks[id(t)] = (weakref.ref(t), t._version)


def applied(r: Recorder, own: Any, args: tuple[Any, ...]) -> None:
    if place(4) is not None and sum(
            a.numel() for a in args if isinstance(a, torch.Tensor)) < 3_000_000:
        r.seen.functions[own] = (tuple(a.detach().clone() if isinstance(a, torch.Tensor) else a
                                       for a in args), place(4))


def scaled(r: Recorder, scaler: Any) -> None:
    if scaler.is_enabled():
        r.scaler_used, r.factor = True, float(scaler.get_scale())


def loader_made(r: Recorder, loader: Any) -> None:
    r.loaders.append(
        LoaderRecord(
            len(r.loaders) + 1, weakref.ref(loader), loader.dataset if len(r.loaders) < 8 else None,
            loader.num_workers, loader.worker_init_fn is not None, place(4),
            getattr(getattr(loader, "sampler", None), "indices", None)))


def iterated(r: Recorder, iterator: Any, loader: Any) -> None:
    for seen in r.loaders:
        if seen.ref() is loader:
            iterator._recipe_number = seen.number


def next_batch(r: Recorder, iterator: Any) -> None:
    r.loader_now = getattr(iterator, "_recipe_number", 0)


def seeded(r: Recorder, name: str, args: tuple[Any, ...]) -> None:
    if r.t and args and isinstance(args[0], int):
        at = place(4)
        r.seen.seeds.setdefault((name, at), []).append((r.t, args[0]))
        r.fresh_draws.append((at, r.t))


def _pointers(state: Any) -> dict[str, int]:
    return {k: v.data_ptr() for k, v in state.items() if isinstance(v, torch.Tensor) and v.numel()}


def before_load(r: Recorder, module: nn.Module, state: Any) -> dict[str, Any]:
    own = {
        k: v.data_ptr()
        for k, v in [*module.named_parameters(), *module.named_buffers()]
        if v.numel()
    }
    given = _pointers(state)
    alias = sum(own.get(k) == p for k, p in given.items())
    return {"alias": bool(given) and alias == len(given), "keys": len(given)}


def after_load(r: Recorder, module: nn.Module, state: Any, facts: Any, result: Any) -> None:
    if facts is None:
        return
    missing, unexpected = list(getattr(result, "missing_keys",
                                       [])), list(getattr(result, "unexpected_keys", []))
    taken = r.taken_at(state)
    r.seen.loads.append(
        facts | {
            "missing": missing, "unexpected": unexpected, "step": r.t, "at": place(4), "taken":
            taken, "saved": False
        })


def state_taken(r: Recorder, state: Any, module: nn.Module) -> None:
    """Remembers when a state dict was taken."""
    if isinstance(state, OrderedDict):
        r.taken[id(state)] = (weakref.ref(state), r.t)


def state_saved(r: Recorder, thing: Any) -> None:
    """A state dict that was taken before later steps, and still is the running weights, is
    written to a file.
    """
    parts = [thing, *(thing.values() if isinstance(thing, dict) else ())]
    for part in parts[:50]:
        taken = r.taken_at(part)
        if taken is None or taken >= r.t:
            continue
        live = {p.data_ptr() for held in r.helds for p in held.params()}
        if any(isinstance(v, torch.Tensor) and v.data_ptr() in live for v in part.values()):
            r.seen.loads.append({
                "alias": True, "keys": len(part), "missing": [], "unexpected": [], "step": r.t,
                "at": place(4), "taken": taken, "saved": True
            })
