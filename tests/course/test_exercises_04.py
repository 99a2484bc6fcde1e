"""Exercises of notebook 04: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from tests.course.exercise_tests import ExerciseTests

# --- dead_units ---


def dead_keeps_outputs(net: Any, data: Any) -> Any:
    """Keeps all outputs and judges at the end."""
    seen: dict[str, list[Any]] = {}
    handles = [part.register_forward_hook(
        lambda _part, _inputs, out, name=name: seen.setdefault(name, []).append(out.detach().clone()))
        for name, part in net.named_modules() if type(part) is nn.ReLU]
    training = net.training
    try:
        net.train(False)
        with torch.inference_mode():
            for images, _ in data:
                net(images)
    finally:
        [handle.remove() for handle in handles]
        net.train(training)
    return {name: (torch.cat(parts) == 0).all(0).double().mean() for name, parts in seen.items()}


def dead_by_largest(model: Any, loader: Any) -> Any:
    """The largest output of each unit, in numpy."""
    most: dict[str, Any] = {}
    was = model.training
    model.eval()

    class Watch:
        def __init__(self, name: str) -> None:
            self.name = name

        def __call__(self, _module: Any, _inputs: Any, output: Any) -> None:
            top = output.numpy().max(axis=0)
            most[self.name] = np.maximum(most.get(self.name, top), top)

    hooks = {name: module.register_forward_hook(Watch(name))
             for name, module in model.named_modules() if isinstance(module, nn.ReLU)}
    for x, _ in loader:
        with torch.no_grad():
            model(x)
    for hook in hooks.values():
        hook.remove()
    model.train(was)
    return {name: float(np.mean(most[name] == 0)) for name in hooks}


def dead_by_inputs(model: Any, loader: Any) -> Any:
    """Pre-hooks on what enters a ReLU, on a copy of the model."""
    import copy
    model = copy.deepcopy(model).eval()
    counts: dict[str, Any] = {}

    def pre(name: str) -> Any:
        def hook(module: Any, inputs: Any) -> None:
            counts[name] = counts.get(name, 0) + (inputs[0] > 0).sum(0)
        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(pre(name))
    with torch.no_grad():
        for x, _y in loader:
            model(x)
    return {name: (count == 0).sum().item() / count.numel() for name, count in counts.items()}


def _dead(model: Any, loader: Any, kind: Any = nn.ReLU, keep: bool = False, mode: bool = True,
          grads: bool = False, parts: Any = None, dead: Any = None, back: bool = True) -> Any:
    """A version with one thing otherwise."""
    dead = dead or (lambda outs: (torch.cat(outs) == 0).all(0).float().mean().item())
    seen: dict[str, list[Any]] = {}
    handles = []
    for name, part in (parts or type(model).named_modules)(model):
        if isinstance(part, kind):
            handles.append(part.register_forward_hook(
                lambda _p, _i, out, name=name: seen.setdefault(name, []).append(out.detach())))
    was = model.training
    if mode:
        model.eval()
    with torch.set_grad_enabled(grads):
        for x, _ in loader:
            model(x)
    if not keep:
        for handle in handles:
            handle.remove()
    if back:
        model.train(was)
    return {name: dead(outs) for name, outs in seen.items()}


def dead_share_of_zeros(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (torch.cat(outs) == 0).float().mean().item())


def dead_mostly(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (
        (torch.cat(outs) > 0).float().mean(0) < 0.05).float().mean().item())


def dead_last_batch(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (outs[-1] == 0).all(0).float().mean().item())


def dead_mean_of_batches(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: float(np.mean(
        [(out == 0).all(0).float().mean().item() for out in outs])))


def dead_threshold(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (
        torch.cat(outs).amax(0) < 1e-6).float().mean().item())


def dead_children(model: Any, loader: Any) -> Any:
    return _dead(model, loader, parts=lambda net: net.named_children())


def dead_other_activations(model: Any, loader: Any) -> Any:
    return _dead(model, loader, kind=(nn.ReLU, nn.LeakyReLU, nn.Tanh))


def dead_channels(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (
        torch.cat(outs).flatten(2).amax(2) if outs[0].ndim > 2 else torch.cat(outs)
    ).amax(0).eq(0).float().mean().item())


def dead_hooks_stay(model: Any, loader: Any) -> Any:
    return _dead(model, loader, keep=True)


def dead_in_training(model: Any, loader: Any) -> Any:
    return _dead(model, loader, mode=False)


def dead_leaves_eval(model: Any, loader: Any) -> Any:
    return _dead(model, loader, back=False)


def dead_gradients(model: Any, loader: Any) -> Any:
    return _dead(model, loader, grads=True)


def dead_clears_all_hooks(model: Any, loader: Any) -> Any:
    found = _dead(model, loader)
    for part in model.modules():
        part._forward_hooks.clear()
    return found


def dead_count(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: int((torch.cat(outs) == 0).all(0).sum()))


def dead_alive(model: Any, loader: Any) -> Any:
    return {name: 1 - share for name, share in _dead(model, loader).items()}


def dead_list(model: Any, loader: Any) -> Any:
    return list(_dead(model, loader).values())


def dead_first_batch(model: Any, loader: Any) -> Any:
    return _dead(model, loader, dead=lambda outs: (outs[0] == 0).all(0).float().mean().item())


# --- he_init ---


def he_uniform(net: Any) -> None:
    """Uniform numbers of the right spread."""
    for part in net.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            n = part.weight.numel() // part.weight.shape[0]
            nn.init.uniform_(part.weight, -(6 / n) ** 0.5, (6 / n) ** 0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def he_copies(model: Any) -> Any:
    """Fresh numbers copied in, by type; returns the model."""
    def one(module: Any) -> None:
        if type(module) in (nn.Linear, nn.Conv2d):
            fan_in = np.prod(module.weight.shape[1:])
            fresh = torch.randn(module.weight.shape).to(module.weight.dtype) / np.sqrt(fan_in / 2)
            module.weight.data.copy_(fresh)
            if hasattr(module.bias, "data"):
                module.bias.data.fill_(0)

    return model.apply(one)


def he_scaled(model: Any) -> None:
    """By attributes of the layers; the generator is torch's own."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                n = layer.in_features
            elif isinstance(layer, nn.Conv2d):
                n = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            else:
                continue
            layer.weight.copy_(torch.normal(0.0, 1.0, tuple(layer.weight.shape)))
            layer.weight *= torch.tensor(2.0 / n).sqrt()
            if layer.bias is not None:
                layer.bias *= 0


def _he(model: Any, std: Any, kinds: Any = (nn.Linear, nn.Conv2d), bias: bool = True) -> None:
    for part in model.modules():
        if isinstance(part, kinds):
            nn.init.normal_(part.weight, 0, std(part.weight))
            if bias and getattr(part, "bias", None) is not None:
                nn.init.zeros_(part.bias)


def he_variance(model: Any) -> None:
    _he(model, lambda weight: 2 / weight[0].numel())


def he_without_relu(model: Any) -> None:
    _he(model, lambda weight: weight[0].numel() ** -0.5)


def he_fan_out(model: Any) -> None:
    _he(model, lambda weight: (2 / weight.shape[0]) ** 0.5)


def he_xavier(model: Any) -> None:
    _he(model, lambda weight: (2 / (weight.shape[0] + weight.shape[1])) ** 0.5)


def he_channels(model: Any) -> None:
    _he(model, lambda weight: (2 / weight.shape[1]) ** 0.5)


def he_bounds_as_std(model: Any) -> None:
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                part.weight.uniform_(-1, 1).mul_((2 / part.weight[0].numel()) ** 0.5)


def he_biases_stay(model: Any) -> None:
    _he(model, lambda weight: (2 / weight[0].numel()) ** 0.5, bias=False)


def he_all_layers(model: Any) -> None:
    _he(model, lambda weight: (2 / weight[0].numel()) ** 0.5,
        (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.Embedding))


def he_linear_only(model: Any) -> None:
    _he(model, lambda weight: (2 / weight[0].numel()) ** 0.5, nn.Linear)


def he_children(model: Any) -> None:
    for part in [model, *model.children()]:
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.normal_(part.weight, 0, (2 / part.weight[0].numel()) ** 0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def he_new_tensors(model: Any) -> None:
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            fresh = torch.randn_like(part.weight) * (2 / part.weight[0].numel()) ** 0.5
            part.weight = nn.Parameter(fresh.detach())
            if part.bias is not None:
                part.bias = nn.Parameter(torch.zeros_like(part.bias))


def he_seeded(model: Any) -> None:
    torch.manual_seed(0)
    he_uniform(model)


def he_torch(model: Any) -> None:
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def he_in_graph(model: Any) -> None:
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.weight.normal_(0, (2 / part.weight[0].numel()) ** 0.5)


def he_positive(model: Any) -> None:
    he_uniform(model)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                part.weight.copy_(2 * part.weight.abs())


# --- clip_gradients ---


def clip_one_vector(parameters: Any, limit: Any) -> Any:
    grads = [one.grad for one in parameters if one.grad is not None]
    length = torch.cat([grad.reshape(-1) for grad in grads]).norm()
    if length > limit:
        scale = limit / length
        [grad.mul_(scale) for grad in grads]
    return length


def clip_norm_of_norms(params: Any, maximum: Any) -> Any:
    params = [one for one in params if one.grad is not None]
    total = torch.stack([one.grad.norm() for one in params]).norm()
    factor = torch.clamp(maximum / (total + 1e-12), max=1.0)
    for one in params:
        one.grad = one.grad * factor
    return total.item()


def clip_numpy(params: Any, threshold: Any) -> Any:
    params = list(params)
    squares = 0.0
    for one in params:
        if one.grad is not None:
            squares += float(np.square(one.grad.numpy().astype(np.float64)).sum())
    norm = np.sqrt(squares)
    for one in params:
        if one.grad is not None and norm > threshold:
            one.grad.copy_(torch.from_numpy(one.grad.numpy() * threshold / norm))
    return norm


def _clip(weights: Any, threshold: Any, factor: Any) -> Any:
    """Multiplies each gradient by factor(grad, norm of all)."""
    grads = [one.grad for one in weights if one.grad is not None]
    norm = sum(float(grad.square().sum()) for grad in grads) ** 0.5
    for grad in grads:
        grad.mul_(factor(grad, norm))
    return norm


def clip_to_one(weights: Any, threshold: Any) -> Any:
    return _clip(weights, threshold, lambda _, norm: 1 / norm if norm > threshold else 1)


def clip_each(weights: Any, threshold: Any) -> Any:
    return _clip(weights, threshold, lambda grad, _: min(1.0, threshold / max(1e-9, float(grad.norm()))))


def clip_always(weights: Any, threshold: Any) -> Any:
    return _clip(weights, threshold, lambda _, norm: threshold / max(norm, 1e-9))


def clip_values(weights: Any, threshold: Any) -> Any:
    grads = [one.grad for one in weights if one.grad is not None]
    norm = sum(float(grad.square().sum()) for grad in grads) ** 0.5
    for grad in grads:
        grad.clamp_(-threshold, threshold)
    return norm


def clip_no_root(weights: Any, threshold: Any) -> Any:
    grads = [one.grad for one in weights if one.grad is not None]
    norm = sum(float(grad.square().sum()) for grad in grads)
    for grad in grads:
        if norm > threshold:
            grad.mul_(threshold / norm)
    return norm


def clip_reads_twice(weights: Any, threshold: Any) -> Any:
    norm = sum(float(one.grad.square().sum()) for one in weights if one.grad is not None) ** 0.5
    for one in weights:
        if one.grad is not None and norm > threshold:
            one.grad.mul_(threshold / norm)
    return norm


def clip_with_none(weights: Any, threshold: Any) -> Any:
    weights = list(weights)
    norm = sum(float(one.grad.square().sum()) for one in weights) ** 0.5
    for one in weights:
        one.grad.mul_(min(1, threshold / max(norm, 1e-9)))
    return norm


def clip_torch(weights: Any, threshold: Any) -> Any:
    return torch.nn.utils.clip_grad_norm_(list(weights), threshold)


def clip_returns_after(weights: Any, threshold: Any) -> Any:
    return min(threshold, clip_numpy(weights, threshold))


def clip_the_weights(weights: Any, threshold: Any) -> Any:
    weights = list(weights)
    norm = sum(float(one.grad.square().sum()) for one in weights if one.grad is not None) ** 0.5
    for one in weights:
        if norm > threshold:
            one.mul_(threshold / norm)
    return norm


def clip_on_copies(weights: Any, threshold: Any) -> Any:
    grads = [one.grad for one in weights if one.grad is not None]
    norm = sum(float(grad.square().sum()) for grad in grads) ** 0.5
    [grad * threshold / norm for grad in grads if norm > threshold]
    return norm


def clip_adds_norms(weights: Any, threshold: Any) -> Any:
    grads = [one.grad for one in weights if one.grad is not None]
    norm = sum(float(grad.norm()) for grad in grads)
    for grad in grads:
        grad.mul_(min(1.0, threshold / max(norm, 1e-9)))
    return norm


def clip_to_half(weights: Any, threshold: Any) -> Any:
    """Of no known slip."""
    return _clip(weights, threshold, lambda _, norm: 0.5 * threshold / norm if norm > threshold else 1)


def clip_divides_by_zero(weights: Any, threshold: Any) -> Any:
    return _clip(weights, threshold, lambda grad, norm: min(1.0, threshold / norm))


# --- update_ratios ---


def ratios_state_dict(net: Any, criterion: Any, opt: Any, images: Any, labels: Any) -> Any:
    import copy
    old = copy.deepcopy(net.state_dict())
    loss = criterion(net(images), labels)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    learnt = {name for name, one in net.named_parameters() if one.dim() >= 2}
    return {name: torch.linalg.vector_norm(new - old[name]) / torch.linalg.vector_norm(old[name])
            for name, new in net.state_dict().items() if name in learnt}


def ratios_flat(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    names = [name for name, one in model.named_parameters() if len(one.shape) != 1]
    was = {name: model.get_parameter(name).detach().numpy().astype(np.float64) for name in names}
    was = {name: values.copy() for name, values in was.items()}
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    return {name: np.sqrt(((model.get_parameter(name).detach().numpy() - was[name]) ** 2).sum()
                          / (was[name] ** 2).sum()) for name in names}


def ratios_closure(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    before = [(name, one, one.detach().clone()) for name, one in model.named_parameters() if one.ndim > 1]

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return {name: float((one - old).square().sum().sqrt() / old.square().sum().sqrt())
                for name, one, old in before}


def _ratios(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any, chosen: Any = None,
            clear: bool = True, steps: int = 1, size: Any = None, by: Any = None) -> Any:
    chosen = chosen or (lambda one: one.ndim > 1)
    size = size or (lambda one: one.norm().item())
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    return {name: size(one.detach() - before[name]) / max(1e-12, size(by(one) if by else before[name]))
            for name, one in model.named_parameters() if chosen(one)}


def ratios_no_clone(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    before = {name: one.detach() for name, one in model.named_parameters() if one.ndim > 1}
    _ratios(model, loss_fn, optimizer, x, y)
    return {name: ((model.get_parameter(name).detach() - old).norm() / old.norm()).item()
            for name, old in before.items()}


def ratios_from_gradient(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    before = {name: one.detach().norm().item() for name, one in model.named_parameters() if one.ndim > 1}
    _ratios(model, loss_fn, optimizer, x, y)
    lr = optimizer.param_groups[0]["lr"]
    return {name: 0.0 if (grad := model.get_parameter(name).grad) is None
            else lr * grad.norm().item() / size for name, size in before.items()}


def ratios_biases(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, chosen=lambda _: True)


def ratios_old_gradients(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, clear=False)


def ratios_two_steps(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, steps=2)


def ratios_largest(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, size=lambda one: one.abs().max().item())


def ratios_no_step(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    loss_fn(model(x), y).backward()
    return {name: (one.grad.norm() / one.norm()).item() for name, one in model.named_parameters()
            if one.ndim > 1}


def ratios_one_number(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return max(_ratios(model, loss_fn, optimizer, x, y).values())


def ratios_squared(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, size=lambda one: one.square().sum().item())


def ratios_of_norms(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    """How much the norm changed, and not the norm of the change."""
    before = {name: one.detach().norm().item() for name, one in model.named_parameters() if one.ndim > 1}
    _ratios(model, loss_fn, optimizer, x, y)
    return {name: abs(model.get_parameter(name).detach().norm().item() - size) / size
            for name, size in before.items()}


def ratios_by_what_is_left(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, by=lambda one: one.detach())


def ratios_undivided(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    return _ratios(model, loss_fn, optimizer, x, y, by=lambda one: torch.ones(1))


def ratios_train_mode(model: Any, loss_fn: Any, optimizer: Any, x: Any, y: Any) -> Any:
    model.train()
    return _ratios(model, loss_fn, optimizer, x, y)


RIGHT = [("dead_units", dead_keeps_outputs), ("dead_units", dead_by_largest),
         ("dead_units", dead_by_inputs), ("he_init", he_uniform), ("he_init", he_copies),
         ("he_init", he_scaled), ("clip_gradients", clip_one_vector),
         ("clip_gradients", clip_norm_of_norms), ("clip_gradients", clip_numpy),
         ("update_ratios", ratios_state_dict), ("update_ratios", ratios_flat),
         ("update_ratios", ratios_closure)]
WRONG = [
    ("dead_units", dead_share_of_zeros, "share of zeros among all outputs"),
    ("dead_units", dead_mostly, "seldom answers is a specialist"),
    ("dead_units", dead_last_batch, "Remember over all batches"),
    ("dead_units", dead_mean_of_batches, "Remember over all batches"),
    ("dead_units", dead_threshold, "without a threshold"),
    ("dead_units", dead_children, "also those inside others"),
    ("dead_units", dead_other_activations, "choose those that are nn.ReLU"),
    ("dead_units", dead_channels, "counts whole channels"),
    ("dead_units", dead_hooks_stay, "hooks stay at the model"),
    ("dead_units", dead_in_training, "count in evaluation mode"),
    ("dead_units", dead_leaves_eval, "in the other mode"),
    ("dead_units", dead_gradients, "Gradients are recorded"),
    ("dead_units", dead_clears_all_hooks, "not its own"),
    ("dead_units", dead_count, "how many units are dead"), ("dead_units", dead_alive, "that are alive"),
    ("dead_units", dead_list, "should return a dictionary"),
    ("he_init", he_variance, "the standard deviation is its root"),
    ("he_init", he_without_relu, "ReLU halves"), ("he_init", he_fan_out, "not of units"),
    ("he_init", he_xavier, "Xavier's"), ("he_init", he_channels, "counts the channels alone"),
    ("he_init", he_bounds_as_std, r"a / sqrt\(3\)"), ("he_init", he_biases_stay, "A bias is not 0"),
    ("he_init", he_all_layers, "changes a BatchNorm"), ("he_init", he_linear_only, r"\(128, 8, 3, 3\)"),
    ("he_init", he_children, r"\(300, 300\)"), ("he_init", he_new_tensors, "train the old one"),
    ("he_init", he_seeded, "do not set a seed"), ("he_init", he_torch, r"kaiming_normal_.*line \d+"),
    ("he_init", he_in_graph, r"leaf Variable.*line \d+"), ("he_init", he_positive, "should be 0"),
    ("clip_gradients", clip_to_one, "divided by the norm, so that"),
    ("clip_gradients", clip_each, "The norm of this tensor alone"),
    ("clip_gradients", clip_always, "must stay"),
    ("clip_gradients", clip_values, "Each number is clipped on its own"),
    ("clip_gradients", clip_no_root, "The root is missing"),
    ("clip_gradients", clip_adds_norms, "Add their squares"),
    ("clip_gradients", clip_to_half, "One norm for all gradients together, here 50"),
    ("clip_gradients", clip_reads_twice, "it is empty"),
    ("clip_gradients", clip_with_none, r"NoneType.*line \d+"),
    ("clip_gradients", clip_torch, "Write it by hand"),
    ("clip_gradients", clip_returns_after, "The norm before clipping is wanted"),
    ("clip_gradients", clip_the_weights, "A weight has moved"),
    ("clip_gradients", clip_on_copies, "It is as it was"),
    ("clip_gradients", clip_divides_by_zero, "division by zero"),
    ("update_ratios", ratios_no_clone, "moves along"),
    ("update_ratios", ratios_from_gradient, "measure the change itself"),
    ("update_ratios", ratios_biases, "so no biases"),
    ("update_ratios", ratios_old_gradients, "adds to old gradients"),
    ("update_ratios", ratios_two_steps, "After the step"),
    ("update_ratios", ratios_largest, "The ratio of"), ("update_ratios", ratios_no_step, "After the step"),
    ("update_ratios", ratios_one_number, "should return a dictionary"),
    ("update_ratios", ratios_squared, "The root is missing"),
    ("update_ratios", ratios_of_norms, "how much the norm changed"),
    ("update_ratios", ratios_by_what_is_left, "divided by the norm after the step"),
    ("update_ratios", ratios_undivided, "It is not divided"), ("update_ratios", ratios_train_mode, "other mode"),
]


FOREIGN = [
    ("dead_units", dead_mostly, "are alive|how many|zeros among|whole channels"),
    ("dead_units", dead_first_batch, "are alive|how many|zeros among|whole channels"),
    ("dead_units", dead_in_training, "are alive|how many|zeros among"),
    ("clip_gradients", clip_values, "generator|tensor alone|It is as it was"),
    ("clip_gradients", clip_each, "generator|on its own|It is as it was"),
    ("clip_gradients", clip_no_root, "generator|tensor alone|It is as it was"),
    ("clip_gradients", clip_to_half, "generator|tensor alone|It is as it was|root is missing|added up"),
    ("update_ratios", ratios_squared, r"clone\(\)|measure the change itself"),
    ("update_ratios", ratios_largest, r"clone\(\)|measure the change itself|root is missing"),
    ("update_ratios", ratios_two_steps, r"clone\(\)|measure the change itself"),
]


class TestExercises(ExerciseTests):
    """Of notebook 04."""
