"""Exercises of notebook 06: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from recipe_widgets.course.exercises import exercise_named
from tests.course.exercise_tests import ExerciseTests

# --- accumulated_step ---


def parts_sum_then_divide(net: Any, criterion: Any, opt: Any, batches: Any) -> Any:
    """Sums, and one division of the gradients; the gradients are cleared at the end, too."""
    opt.zero_grad(set_to_none=True)
    seen, total = 0, 0.0
    for images, labels in batches:
        n = len(images)
        loss = criterion(net(images), labels)
        (loss * n).backward()
        seen += n
        total += float(loss) * n
    for one in net.parameters():
        if one.grad is not None:
            one.grad /= seen
    opt.step()
    opt.zero_grad()
    return total / seen


def parts_autograd(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    """torch.autograd.grad, and gradients put into place."""
    count = np.sum([y.numel() for _, y in parts])
    weights = [one for one in model.parameters() if one.requires_grad]
    sums, loss_sum = [torch.zeros_like(one) for one in weights], 0.0
    for x, y in parts:
        loss = loss_fn(model(x), y)
        for total, grad in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            total += grad * (y.numel() / count)
        loss_sum += loss.detach() * y.numel()
    for one, total in zip(weights, sums, strict=True):
        one.grad = total
    optimizer.step()
    return loss_sum / count


def parts_closure(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    sizes = [x.shape[0] for x, _ in parts]

    def closure() -> Any:
        model.zero_grad()
        losses = []
        for size, (x, y) in zip(sizes, parts, strict=True):
            loss = loss_fn(model(x), y) * (size / sum(sizes))
            loss.backward()
            losses.append(loss.item())
        return sum(losses)

    return optimizer.step(closure)


def _parts(model: Any, loss_fn: Any, optimizer: Any, parts: Any, share: Any = None, clear: Any = "once",
           step: Any = "once", result: Any = None) -> Any:
    """A version with one thing otherwise."""
    total, mean = sum(len(y) for _, y in parts), 0.0
    share = share or (lambda y: len(y) / total)
    if clear == "once":
        optimizer.zero_grad()
    for x, y in parts:
        if clear == "each":
            optimizer.zero_grad()
        loss = loss_fn(model(x), y) * share(y)
        loss.backward()
        mean += loss.item()
        if step == "each":
            optimizer.step()
    if step == "once":
        optimizer.step()
    return mean if result is None else result(mean)


def parts_equal_weights(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, share=lambda _: 1 / len(parts))


def parts_no_weights(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, share=lambda _: 1.0)


def parts_first_size(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    total = sum(len(y) for _, y in parts)
    return _parts(model, loss_fn, optimizer, parts, share=lambda _: len(parts[0][1]) / total)


def parts_clear_each(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, clear="each", share=lambda _: 1.0)


def parts_never_clear(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, clear="never")


def parts_step_each(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, step="each")


def parts_no_step(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, loss_fn, optimizer, parts, step="never")


def parts_joined(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    x, y = (torch.cat(both) for both in zip(*parts, strict=True))
    return _parts(model, loss_fn, optimizer, [(x, y)])


def parts_one_backward(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    optimizer.zero_grad()
    total = sum(len(y) for _, y in parts)
    loss = sum(loss_fn(model(x), y) * len(y) / total for x, y in parts)
    loss.backward()
    optimizer.step()
    return loss.item()


def parts_last_loss(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    _parts(model, loss_fn, optimizer, parts)
    x, y = parts[-1]
    return float(loss_fn(model(x), y))


def parts_own_loss(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    return _parts(model, F.cross_entropy, optimizer, parts)


def parts_nothing_returned(model: Any, loss_fn: Any, optimizer: Any, parts: Any) -> Any:
    _parts(model, loss_fn, optimizer, parts)


# --- momentum_step ---


def momentum_data(w: Any, v: Any, rate: Any, gamma: Any) -> Any:
    if w.grad is not None:
        v[:] = gamma * v + w.grad
        w.data -= rate * v


@torch.no_grad()
def momentum_copies(weight: Any, velocity: Any, lr: Any, momentum: Any) -> Any:
    if weight.grad is None:
        return weight
    velocity.copy_(velocity * momentum + weight.grad)
    weight.copy_(weight - velocity * lr)
    return weight


def momentum_numpy(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    if weight.grad is None:
        return
    v, w = velocity.numpy(), weight.detach().numpy()
    v *= momentum
    v += weight.grad.numpy()
    w -= lr * v


def _momentum(weight: Any, velocity: Any, new: Any, step: Any) -> None:
    if weight.grad is None:
        return
    with torch.no_grad():
        fresh = new(velocity, weight.grad)
        change = step(velocity, fresh, weight.grad)
        velocity.copy_(fresh)
        weight.sub_(change)


def momentum_dampened(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + (1 - momentum) * g, lambda _, v, __: lr * v)


def momentum_lr_inside(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + lr * g, lambda _, v, __: v)


def momentum_old_velocity(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + g, lambda v, _, __: lr * v)


def momentum_plain(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + g, lambda _, __, g: lr * g)


def momentum_uphill(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + g, lambda _, v, __: -lr * v)


def momentum_rebinds(weight: Any, velocity: Any, lr: Any, momentum: Any) -> Any:
    velocity = momentum * velocity + weight.grad
    weight = weight - lr * velocity
    return weight, velocity


def momentum_velocity_rebound(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    velocity = momentum * velocity + weight.grad
    with torch.no_grad():
        weight -= lr * velocity


def momentum_in_graph(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    velocity.mul_(momentum).add_(weight.grad)
    weight.sub_(lr * velocity)


def momentum_torch(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    torch.optim.SGD([weight], lr=lr, momentum=momentum).step()


def momentum_no_none(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    with torch.no_grad():
        velocity.mul_(momentum).add_(weight.grad)
        weight.sub_(lr * velocity)


def momentum_clears(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    momentum_data(weight, velocity, lr, momentum)
    weight.grad = None


def momentum_normalised(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    _momentum(weight, velocity, lambda v, g: momentum * v + g / g.norm(), lambda _, v, __: lr * v)


def momentum_other_shape(weight: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    weight.data = torch.zeros(1)


# --- adamw_step ---


def adamw_rebinds_state(w: Any, memory: Any, rate: Any, b1: Any, b2: Any, tiny: Any, wd: Any) -> None:
    """New tensors in the state at each step, t as a tensor; the decay last, from the old weight."""
    if w.grad is None:
        return
    t = memory.get("step", torch.tensor(0)) + 1
    m = b1 * memory.get("mean", 0.0) + (1 - b1) * w.grad
    s = b2 * memory.get("square", 0.0) + (1 - b2) * w.grad ** 2
    memory["step"], memory["mean"], memory["square"] = t, m, s
    update = (m / (1 - b1 ** t)) / (torch.sqrt(s / (1 - b2 ** t)) + tiny)
    w.data = w.data - rate * update - rate * wd * w.data


def adamw_numpy(weight: Any, state: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, decay: Any) -> None:
    if weight.grad is None:
        return
    g = weight.grad.numpy().astype(np.float64)
    t, m, s = state.get(0, (0, np.zeros_like(g), np.zeros_like(g)))
    t, m, s = t + 1, beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
    state[0] = t, m, s
    w = weight.detach().numpy()
    w *= 1 - lr * decay
    w -= lr * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps)


def adamw_lerp(weight: Any, state: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, wd: Any) -> None:
    """As torch writes it: with one step size."""
    if weight.grad is None:
        return
    if "t" not in state:
        state |= {"t": 0, "m": torch.zeros_like(weight), "s": torch.zeros_like(weight)}
    state["t"] += 1
    with torch.no_grad():
        weight.mul_(1 - lr * wd)
        state["m"].lerp_(weight.grad, 1 - beta1)
        state["s"].mul_(beta2).addcmul_(weight.grad, weight.grad, value=1 - beta2)
        root = (state["s"].sqrt() / math.sqrt(1 - beta2 ** state["t"])).add_(eps)
        weight.addcdiv_(state["m"], root, value=-lr / (1 - beta1 ** state["t"]))


def _adamw(weight: Any, state: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, wd: Any, update: Any = None,
           decay: Any = None, coupled: bool = False, first: int = 1) -> None:
    if weight.grad is None:
        return
    if not state:
        state.update(t=first - 1, m=torch.zeros_like(weight), s=torch.zeros_like(weight))
    state["t"] += 1
    t, m, s = state["t"], state["m"], state["s"]
    update = update or (lambda m, s, t: (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps))
    with torch.no_grad():
        g = weight.grad + wd * weight if coupled else weight.grad
        if not coupled:
            weight.mul_(1 - lr * wd if decay is None else decay)
        m.mul_(beta1).add_((1 - beta1) * g)
        s.mul_(beta2).add_((1 - beta2) * g * g)
        weight.sub_(lr * update(m, s, t))


def adamw_not_corrected(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, lambda m, s, _: m / (s.sqrt() + eps))


def adamw_no_power(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, lambda m, s, _: (m / (1 - b1)) / ((s / (1 - b2)).sqrt() + eps))


def adamw_no_root(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, lambda m, s, t: (m / (1 - b1**t)) / (s / (1 - b2**t) + eps))


def adamw_eps_inside(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, lambda m, s, t: (m / (1 - b1**t)) / (s / (1 - b2**t) + eps).sqrt())


def adamw_own_eps(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, 1e-8, wd)


def adamw_own_betas(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, 0.9, 0.999, eps, wd)


def adamw_m_alone(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, lambda m, s, t: (m / (1 - b1**t)) / (s.sqrt() + eps))


def adamw_t_from_two(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, first=2)


def adamw_t_from_zero(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, first=0)


def adamw_coupled(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, coupled=True)


def adamw_no_decay(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, 0.0)


def adamw_decay_without_lr(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, decay=1 - wd)


def adamw_grows(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, st, lr, b1, b2, eps, wd, decay=1 + lr * wd)


SHARED: dict[str, Any] = {}


def adamw_shared_state(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    mine = SHARED.setdefault(str(tuple(w.shape)), {})
    _adamw(w, mine, lr, b1, b2, eps, wd)


def adamw_forgets(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    _adamw(w, {}, lr, b1, b2, eps, wd)


def adamw_rebinds(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> Any:
    copied = w.detach().clone()
    copied.grad = w.grad
    _adamw(copied, st, lr, b1, b2, eps, wd)
    return copied


def adamw_torch(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    if "own" not in st:
        st["own"] = torch.optim.AdamW([w], lr=lr, betas=(b1, b2), eps=eps, weight_decay=wd)
    st["own"].step()


def adamw_decays_unreached(w: Any, st: Any, lr: Any, b1: Any, b2: Any, eps: Any, wd: Any) -> None:
    if w.grad is None:
        w.data.mul_(1 - lr * wd)
        return
    _adamw(w, st, lr, b1, b2, eps, wd)


# --- lr_range_test ---


def range_restores(net: Any, criterion: Any, loader: Any, lrs: Any) -> Any:
    """Manual steps on a copy, losses as tensors."""
    twin = copy.deepcopy(net)
    twin.train()
    found: list[Any] = []
    pairs = iter(loader)
    for lr in lrs:
        images, labels = next(pairs)
        twin.zero_grad()
        loss = criterion(twin(images), labels)
        found.append(loss.detach())
        if not torch.isfinite(loss) or loss > 4 * found[0]:
            return found
        loss.backward()
        with torch.no_grad():
            for one in twin.parameters():
                one -= lr * one.grad
    return found


def range_new_optimizer(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    model = copy.deepcopy(model).train()
    losses: list[float] = []
    for (x, y), lr in zip(batches, rates, strict=False):
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        losses.append(float(loss))
        if math.isnan(losses[-1]) or math.isinf(losses[-1]) or losses[-1] > 4 * losses[0]:
            break
        loss.backward()
        optimizer.step()
    return losses


def range_lambda(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    """With a schedule."""
    model = copy.deepcopy(model).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: rates[min(k, len(rates) - 1)])
    losses = np.zeros(0)
    for (x, y), _ in zip(batches, rates, strict=False):
        loss = loss_fn(model(x), y)
        losses = np.append(losses, loss.item())
        if not np.isfinite(losses[-1]) or losses[-1] > 4 * losses[0]:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return losses.tolist()


def _range(model: Any, loss_fn: Any, batches: Any, rates: Any, train: bool = True, momentum: float = 0.0,
           ends: Any = None, before: bool = True, last: bool = True, again: bool = False,
           own: bool = False, kind: Any = torch.optim.SGD) -> Any:
    learner = model if own else copy.deepcopy(model)
    if train:
        learner.train()
    options = {"momentum": momentum} if kind is torch.optim.SGD else {}
    optimizer = kind(learner.parameters(), lr=1.0, **options)
    ends = ends or (lambda loss, first: not math.isfinite(loss) or loss > 4 * first)
    losses: list[float] = []
    batch = next(iter(batches)) if again else None
    for rate, (x, y) in zip(rates, batches, strict=False):
        if batch is not None:
            x, y = batch
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_fn(learner(x), y)
        value = loss.item()
        if before:
            losses.append(value)
        if losses and ends(value, losses[0]):
            return losses if last else losses[:-1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not before:
            with torch.no_grad():
                losses.append(loss_fn(learner(x), y).item())
    return losses


def range_own_model(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, own=True)


def range_eval(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, train=False)


def range_momentum(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, momentum=0.9)


def range_adam(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, kind=torch.optim.Adam)


def range_never_ends(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, ends=lambda *_: False)


def range_nan_goes_on(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, ends=lambda loss, first: loss > 4 * first)


def range_infinity_goes_on(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, ends=lambda loss, first: not loss <= 4 * first)


def range_drops_last(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, last=False)


def range_loss_after(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, before=False)


def range_one_batch(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, rates, again=True)


def range_fresh_each(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    """A fresh copy for each rate: no walk."""
    pairs = list(batches)
    return [_range(model, loss_fn, pairs[k:k + 1], [rate], before=False)[0]
            for k, rate in enumerate(rates)]


def range_sorted(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, sorted(rates))


def range_own_rates(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    return _range(model, loss_fn, batches, np.geomspace(rates[0], rates[-1], len(rates)).tolist())


def range_graphs(model: Any, loss_fn: Any, batches: Any, rates: Any) -> Any:
    learner = copy.deepcopy(model).train()
    losses = []
    for rate, (x, y) in zip(rates, batches, strict=False):
        loss = loss_fn(learner(x), y)
        losses.append(loss)
        grads = torch.autograd.grad(loss, list(learner.parameters()), retain_graph=True)
        with torch.no_grad():
            for one, grad in zip(learner.parameters(), grads, strict=True):
                one.data = one.data - rate * grad
    return losses


# --- warmup_cosine ---


def cosine_numpy(now: Any, length: Any, climb: Any) -> Any:
    if climb and now < climb:
        return np.float64(now + 1) / climb
    way = np.clip((now - climb) / (length - climb), 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * way)


def cosine_sin(step: Any, total: Any, warmup: Any) -> Any:
    if step >= total:
        return 0
    if warmup > step:
        return min(1, (1 + step) / warmup)
    return math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2


def cosine_torch(step: Any, total: Any, warmup: Any) -> Any:
    at = torch.tensor(float(step), dtype=torch.float64)
    climb = (at + 1) / max(warmup, 1)
    fall = (1 + torch.cos(torch.pi * ((at - warmup) / (total - warmup)).clamp(0, 1))) / 2
    return torch.where(at < warmup, climb, fall)


def _cosine(step: Any, total: Any, warmup: Any, climb: Any = None, share: Any = None, fall: Any = None) -> Any:
    if step < warmup:
        return (climb or (lambda: (step + 1) / warmup))()
    part = (share or (lambda: min(1.0, (step - warmup) / (total - warmup))))()
    return (fall or (lambda one: (1 + math.cos(math.pi * one)) / 2))(part)


def cosine_from_zero(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, climb=lambda: step / warmup)


def cosine_of_all(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, share=lambda: min(1.0, step / total))


def cosine_longer(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, share=lambda: min(1.0, (step - warmup) / total))


def cosine_climbs_again(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, share=lambda: (step - warmup) / (total - warmup))


def cosine_whole(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, fall=lambda one: math.cos(math.pi * one))


def cosine_quarter(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, fall=lambda one: math.cos(math.pi / 2 * one))


def cosine_line(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, fall=lambda one: 1 - one)


def cosine_divides(step: Any, total: Any, warmup: Any) -> Any:
    return min((step + 1) / warmup, _cosine(max(step, warmup), total, warmup))


COUNT = [0]


def cosine_counts(step: Any, total: Any, warmup: Any) -> Any:
    COUNT[0] = step if step < COUNT[0] else COUNT[0] + 1
    return _cosine(COUNT[0], total, warmup)


def cosine_degrees(step: Any, total: Any, warmup: Any) -> Any:
    return _cosine(step, total, warmup, fall=lambda one: (1 + math.cos(180 * one)) / 2)


RIGHT = [("accumulated_step", parts_sum_then_divide), ("accumulated_step", parts_autograd),
         ("accumulated_step", parts_closure), ("momentum_step", momentum_data),
         ("momentum_step", momentum_copies), ("momentum_step", momentum_numpy),
         ("adamw_step", adamw_rebinds_state), ("adamw_step", adamw_numpy), ("adamw_step", adamw_lerp),
         ("lr_range_test", range_restores), ("lr_range_test", range_new_optimizer),
         ("lr_range_test", range_lambda), ("warmup_cosine", cosine_numpy),
         ("warmup_cosine", cosine_sin), ("warmup_cosine", cosine_torch)]
WRONG = [
    ("accumulated_step", parts_equal_weights, "Each part counts the same here"),
    ("accumulated_step", parts_no_weights, "sum of the parts' gradients"),
    ("accumulated_step", parts_first_size, "first part's length for all"),
    ("accumulated_step", parts_clear_each, "last part alone"),
    ("accumulated_step", parts_never_clear, "before the first part"),
    ("accumulated_step", parts_step_each, "is called 4 times; once is wanted"),
    ("accumulated_step", parts_no_step, "is called 0 times"),
    ("accumulated_step", parts_joined, r"gets 32 samples at once"),
    ("accumulated_step", parts_one_backward, "all graphs stay in memory"),
    ("accumulated_step", parts_last_loss, "mean over all samples is wanted"),
    ("accumulated_step", parts_own_loss, "loss_fn that is handed in"),
    ("accumulated_step", parts_nothing_returned, "returns None; a number is wanted"),
    ("momentum_step", momentum_dampened, "not multiplied by 1 - momentum"),
    ("momentum_step", momentum_lr_inside, "lr belongs to the step"),
    ("momentum_step", momentum_old_velocity, "velocity of before"),
    ("momentum_step", momentum_plain, "That is plain SGD"),
    ("momentum_step", momentum_uphill, "uphill"),
    ("momentum_step", momentum_rebinds, "makes a new tensor"),
    ("momentum_step", momentum_velocity_rebound, "changed in place, too"),
    ("momentum_step", momentum_in_graph, r"leaf Variable.*line \d+"),
    ("momentum_step", momentum_torch, r"torch\.optim\.SGD\. Write the update by hand.*line \d+"),
    ("momentum_step", momentum_no_none, "✗ A weight without a gradient"),
    ("momentum_step", momentum_clears, "others may read it"),
    ("momentum_step", momentum_normalised, "Nothing is clipped or normalised"),
    ("momentum_step", momentum_other_shape, r"weight is now a tensor of shape \(1,\)"),
    ("adamw_step", adamw_not_corrected, "too small at first"),
    ("adamw_step", adamw_no_power, "correction has a power"),
    ("adamw_step", adamw_no_root, "root of s is missing"),
    ("adamw_step", adamw_eps_inside, "outside the root"),
    ("adamw_step", adamw_own_eps, "eps that is handed in"),
    ("adamw_step", adamw_own_betas, "All numbers are those that are handed in"),
    ("adamw_step", adamw_m_alone, "divide it by 1 - beta2"),
    ("adamw_step", adamw_t_from_two, "t counts from 1"),
    ("adamw_step", adamw_t_from_zero, "At t = 0 it is a division"),
    ("adamw_step", adamw_coupled, "Adam with L2"),
    ("adamw_step", adamw_no_decay, "weight decay is missing"),
    ("adamw_step", adamw_decay_without_lr, "multiplied by lr, too"),
    ("adamw_step", adamw_grows, "makes the weight smaller"),
    ("adamw_step", adamw_shared_state, "state of its own"),
    ("adamw_step", adamw_forgets, "which it keeps"),
    ("adamw_step", adamw_rebinds, "makes a new tensor"),
    ("adamw_step", adamw_torch, r"torch\.optim\.AdamW\. Write the update by hand"),
    ("adamw_step", adamw_decays_unreached, "not by decay either"),
    ("lr_range_test", range_own_model, "Train a copy"),
    ("lr_range_test", range_eval, r"should be in training mode"),
    ("lr_range_test", range_momentum, "no momentum"),
    ("lr_range_test", range_adam, "That is Adam"),
    ("lr_range_test", range_never_ends, "above four times the first"),
    ("lr_range_test", range_nan_goes_on, "✗ A loss that becomes NaN.*NaN is not above"),
    ("lr_range_test", range_infinity_goes_on, "✗ A first loss that is infinite.*ask math.isfinite"),
    ("lr_range_test", range_drops_last, "this loss is the last one"),
    ("lr_range_test", range_loss_after, "before the step is wanted"),
    ("lr_range_test", range_one_batch, "A new batch for each step"),
    ("lr_range_test", range_fresh_each, "The loss of step"),
    ("lr_range_test", range_sorted, "in their order"),
    ("lr_range_test", range_own_rates, "in their order"),
    ("lr_range_test", range_graphs, "hold the graph"),
    ("warmup_cosine", cosine_from_zero, "the first step is lost"),
    ("warmup_cosine", cosine_of_all, "not at step 0"),
    ("warmup_cosine", cosine_longer, "are total - warmup steps"),
    ("warmup_cosine", cosine_climbs_again, "a cosine climbs again"),
    ("warmup_cosine", cosine_whole, r"\(1 \+ cos\) / 2 goes"),
    ("warmup_cosine", cosine_quarter, "quarter of a wave"),
    ("warmup_cosine", cosine_line, "straight line down"),
    ("warmup_cosine", cosine_divides, "✗ Without a warm-up.*division by zero"),
    ("warmup_cosine", cosine_counts, "The factor at step"),
    ("warmup_cosine", cosine_degrees, "The factor at step"),
]
FOREIGN = [
    ("accumulated_step", parts_last_loss, "Each part counts|sum of the parts"),
    ("accumulated_step", parts_own_loss, "Each part counts|sum of the parts"),
    ("momentum_step", momentum_normalised, "plain SGD|lr belongs|1 - momentum|uphill"),
    ("adamw_step", adamw_own_betas, "power|too small at first|root|Adam with L2"),
    ("adamw_step", adamw_forgets, "power|too small at first|root|Adam with L2"),
    ("lr_range_test", range_adam, "Train a copy|NaN is not above|no momentum"),
    ("warmup_cosine", cosine_degrees, "quarter|straight|climbs again"),
]


class TestExercises(ExerciseTests):
    """Of notebook 06."""


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_our_steps_train_a_net_as_torch_does(optimizer: str) -> None:
    """200 steps on blobs: what the page says of them, to 1e-6 of the weights."""
    step = exercise_named("momentum_step" if optimizer == "sgd" else "adamw_step").reference
    x, y = torch.randn(256, 12, dtype=torch.float64), torch.arange(256) % 4
    nets = [torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.ReLU(),
                                torch.nn.Linear(16, 4)).double() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    theirs = (torch.optim.SGD(nets[1].parameters(), lr=0.05, momentum=0.9) if optimizer == "sgd" else
              torch.optim.AdamW(nets[1].parameters(), lr=0.01, weight_decay=0.1))
    memory: list[Any] = [torch.zeros_like(one) if optimizer == "sgd" else {}
                         for one in nets[0].parameters()]
    for rows in torch.randint(256, (200, 32)):
        for net in nets:
            net.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
        for one, state in zip(nets[0].parameters(), memory, strict=True):
            if optimizer == "sgd":
                step(one, state, 0.05, 0.9)
            else:
                step(one, state, 0.01, 0.9, 0.999, 1e-8, 0.1)
        theirs.step()
    for mine, right in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-6, atol=1e-9)
