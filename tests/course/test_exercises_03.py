"""Exercises of notebook 03: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets.course import check
from tests.course.exercise_tests import ExerciseTests

# --- numeric_gradient ---


def numeric_flat(f: Any, w: Any) -> Any:
    flat = w.reshape(-1)
    steps = torch.eye(len(flat), dtype=w.dtype) * 1e-5
    slopes = [(float(f((flat + step).reshape(w.shape))) - float(f((flat - step).reshape(w.shape)))) / 2e-5
              for step in steps]
    return torch.tensor(slopes, dtype=w.dtype).reshape(w.shape)


def numeric_in_place(function: Any, point: Any) -> Any:
    """Moves a copy and puts the old number back."""
    point, eps = point.clone().contiguous(), 1e-5
    result = torch.empty_like(point)
    numbers, slopes = point.view(-1), result.view(-1)
    for at in range(numbers.numel()):
        old = numbers[at].item()
        numbers[at] = old + eps
        up = function(point)
        up = up.item() if isinstance(up, torch.Tensor) else up
        numbers[at] = old - eps
        down = function(point)
        slopes[at] = (up - down) / (2 * eps)
        numbers[at] = old
    return result


def numeric_array(f: Any, w: Any) -> Any:
    start, slopes = w.numpy(), np.zeros(w.shape)
    for index in np.ndindex(start.shape):
        step = np.zeros(start.shape)
        step[index] = 1e-5
        sides = [float(f(torch.as_tensor(start + sign * step))) for sign in (1, -1)]
        slopes[index] = (sides[0] - sides[1]) / 2e-5
    return slopes


def numeric_one_sided(f: Any, w: Any) -> Any:
    slopes = torch.zeros_like(w)
    for index in np.ndindex(*w.shape):
        ahead = w.clone()
        ahead[index] += 1e-5
        slopes[index] = (f(ahead) - f(w)) / 1e-5
    return slopes


def _numeric(f: Any, w: Any, h: float) -> Any:
    slopes = torch.zeros_like(w)
    for index in np.ndindex(*w.shape):
        ahead, behind = w.clone(), w.clone()
        ahead[index] += h
        behind[index] -= h
        slopes[index] = (f(ahead) - f(behind)) / (2 * h)
    return slopes


def numeric_long_step(f: Any, w: Any) -> Any:
    return _numeric(f, w, 0.01)


def numeric_thousandth(f: Any, w: Any) -> Any:
    return _numeric(f, w, 1e-3)


def numeric_tiny_step(f: Any, w: Any) -> Any:
    return _numeric(f, w, 1e-12)


def numeric_half(f: Any, w: Any) -> Any:
    return 2 * _numeric(f, w, 1e-5)


def numeric_autograd(f: Any, w: Any) -> Any:
    with torch.enable_grad():
        point = w.clone().requires_grad_()
        return torch.autograd.grad(f(point), point)[0]


def numeric_func(f: Any, w: Any) -> Any:
    return torch.func.grad(f)(w)


def numeric_all_at_once(f: Any, w: Any) -> Any:
    return torch.full_like(w, float(f(w + 1e-5) - f(w - 1e-5)) / 2e-5)


def numeric_moved_stay(f: Any, w: Any) -> Any:
    ahead, behind, slopes = w.clone(), w.clone(), torch.zeros_like(w)
    for index in np.ndindex(*w.shape):
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        slopes[index] = (f(ahead) - f(behind)) / 2e-5
    return slopes


def numeric_changes_w(f: Any, w: Any) -> Any:
    slopes = torch.zeros_like(w)
    for index in np.ndindex(*w.shape):
        w[index] += 1e-5
        up = f(w)
        w[index] -= 2e-5
        slopes[index] = (up - f(w)) / 2e-5
    return slopes


def numeric_vector_only(f: Any, w: Any) -> Any:
    return torch.stack([torch.as_tensor(_numeric(f, w, 1e-5)[k]) for k in range(len(w))]).flatten()


# --- linear_relu_backward ---


def layer_einsum(x: Any, w: Any, b: Any, g: Any) -> Any:
    on = (torch.einsum("nd,hd->nh", x, w) + b > 0).to(g.dtype)
    return (torch.einsum("nh,nh,hd->nd", g, on, w), torch.einsum("nh,nh,nd->hd", g, on, x),
            torch.einsum("nh,nh->h", g, on))


def layer_loops(x: Any, w: Any, b: Any, g: Any) -> Any:
    by_x, by_w, by_b = torch.zeros_like(x), torch.zeros_like(w), torch.zeros_like(b)
    for n in range(len(x)):
        for h in range(len(w)):
            if (x[n] * w[h]).sum() + b[h] > 0:
                by_x[n] += g[n, h] * w[h]
                by_w[h] += g[n, h] * x[n]
                by_b[h] += g[n, h]
    return [by_x, by_w, by_b]


def layer_numpy(inputs: Any, weight: Any, bias: Any, above: Any) -> Any:
    x, w, b, g = (one.numpy() for one in (inputs, weight, bias, above))
    at_z = np.where(x @ w.T + b > 0, g, 0)
    return at_z @ w, at_z.T @ x, at_z.sum(0)


def layer_no_relu(x: Any, w: Any, b: Any, g: Any) -> Any:
    return g @ w, g.T @ x, g.sum(0)


def layer_mask_of_gradient(x: Any, w: Any, b: Any, g: Any) -> Any:
    return layer_no_relu(x, w, b, g * (g > 0))


def layer_no_bias_in_z(x: Any, w: Any, b: Any, g: Any) -> Any:
    return layer_no_relu(x, w, b, g * (x @ w.T > 0))


def layer_mean(x: Any, w: Any, b: Any, g: Any) -> Any:
    by_x, by_w, by_b = layer_numpy(x, w, b, g)
    return by_x, by_w / len(x), by_b / len(x)


def layer_transposed(x: Any, w: Any, b: Any, g: Any) -> Any:
    by_x, by_w, by_b = layer_numpy(x, w, b, g)
    return by_x, by_w.T, by_b


def layer_transposed_if_square(x: Any, w: Any, b: Any, g: Any) -> Any:
    at_z = g * (x @ w.T + b > 0)
    return at_z @ (w if w.shape[0] != w.shape[1] else w.T), at_z.T @ x, at_z.sum(0)


def layer_at_zero(x: Any, w: Any, b: Any, g: Any) -> Any:
    return layer_no_relu(x, w, b, g * (x @ w.T + b >= 0))


def layer_in_place(x: Any, w: Any, b: Any, g: Any) -> Any:
    g[x @ w.T + b <= 0] = 0
    return layer_no_relu(x, w, b, g)


def layer_autograd(x: Any, w: Any, b: Any, g: Any) -> Any:
    with torch.enable_grad():
        leaves = [one.clone().requires_grad_() for one in (x, w, b)]
        (leaves[0] @ leaves[1].T + leaves[2]).relu().backward(g)
    return [one.grad for one in leaves]


def layer_vjp(x: Any, w: Any, b: Any, g: Any) -> Any:
    return torch.func.vjp(lambda *leaves: (leaves[0] @ leaves[1].T + leaves[2]).relu(), x, w, b)[1](g)


def layer_two_only(x: Any, w: Any, b: Any, g: Any) -> Any:
    return layer_numpy(x, w, b, g)[:2]


def layer_ready_forward(x: Any, w: Any, b: Any, g: Any) -> Any:
    return layer_no_relu(x, w, b, g.masked_fill(nn.functional.linear(x, w, b) <= 0, 0))


def layer_jacobian(x: Any, w: Any, b: Any, g: Any) -> Any:
    with torch.enable_grad():
        return torch.autograd.functional.vjp(lambda *ins: torch.relu(ins[0] @ ins[1].T + ins[2]),
                                             (x, w, b), g)[1]


# --- depends_on ---


def depends_jacobian(net: Any, batch: Any, row: Any) -> Any:
    batch = batch.detach()
    slopes = torch.autograd.functional.jacobian(lambda x: net(x)[row].flatten(), batch)
    return {int(n) for n in range(len(batch)) if slopes[:, n].any()}


def depends_random_weights(model: Any, x: Any, i: Any) -> Any:
    """Different weights: no sum of outputs cancels by chance."""
    x = x.detach().clone().requires_grad_()
    out = model(x)[i]
    slope = torch.autograd.grad(out, x, torch.arange(1.0, out.numel() + 1).to(out).reshape(out.shape))
    return slope[0].flatten(1).ne(0).any(1).nonzero()[:, 0]


def depends_backward(model: Any, x: Any, i: Any) -> Any:
    """backward() on a copy of the model."""
    import copy
    model = copy.deepcopy(model)
    found: set[int] = set()
    for k in range(model(x).flatten(1).shape[1]):
        again = x.detach().clone()
        again.requires_grad = True
        model(again).flatten(1)[i, k].backward()
        found.update(j for j in range(len(x)) if again.grad[j].abs().max() > 0)
    return tuple(sorted(found))


def depends_constant(model: Any, x: Any, i: Any) -> Any:
    return [i]


def depends_sum_of_outputs(model: Any, x: Any, i: Any) -> Any:
    x = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(model(x)[i].sum(), x)
    return [j for j in range(len(x)) if slope[j].any()]


def depends_sum_of_sizes(model: Any, x: Any, i: Any) -> Any:
    x = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(model(x)[i].abs().sum(), x)
    return [j for j in range(len(x)) if slope[j].any()]


def depends_first_pixel(model: Any, x: Any, i: Any) -> Any:
    return _depends(model, x, i, lambda slope: slope.flatten()[0] != 0)


def depends_clearly(model: Any, x: Any, i: Any) -> Any:
    return _depends(model, x, i, lambda slope: slope.abs().max() > 1e-3)


def _depends(model: Any, x: Any, i: Any, counts: Any) -> Any:
    x, found = x.detach().clone().requires_grad_(), set()
    for output in model(x)[i]:
        slope, = torch.autograd.grad(output, x, retain_graph=True)
        found |= {j for j in range(len(x)) if counts(slope[j])}
    return found


def depends_sum_of_slopes(model: Any, x: Any, i: Any) -> Any:
    x, found = x.detach().clone().requires_grad_(), set()
    for output in model(x)[i]:
        slope, = torch.autograd.grad(output, x, retain_graph=True)
        found |= {j for j in range(len(x)) if slope[j].sum() != 0}
    return found


def depends_all_pixels(model: Any, x: Any, i: Any) -> Any:
    x, found = x.detach().clone().requires_grad_(), set()
    for output in model(x)[i]:
        slope, = torch.autograd.grad(output, x, retain_graph=True)
        found |= {j for j in range(len(x)) if slope[j].all()}
    return found


def depends_first_output(model: Any, x: Any, i: Any) -> Any:
    x = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(model(x)[i, 0], x)
    return [j for j in range(len(x)) if slope[j].any()]


def depends_whole_batch(model: Any, x: Any, i: Any) -> Any:
    x = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(model(x).square().sum(), x)
    return [j for j in range(len(x)) if slope[j].any()]


def depends_eval(model: Any, x: Any, i: Any) -> Any:
    model.eval()
    return depends_random_weights(model, x, i)


def depends_leaves_gradients(model: Any, x: Any, i: Any) -> Any:
    x = x.detach().clone().requires_grad_()
    out = model(x)[i]
    out.backward(torch.arange(1.0, len(out) + 1).to(out))
    return [j for j in range(len(x)) if x.grad[j].any()]


def depends_marks_x(model: Any, x: Any, i: Any) -> Any:
    x.requires_grad_()
    out = model(x)[i]
    slope, = torch.autograd.grad(out, x, torch.arange(1.0, len(out) + 1).to(out))
    return [j for j in range(len(x)) if slope[j].any()]


def depends_mask(model: Any, x: Any, i: Any) -> Any:
    rows = depends_random_weights(model, x, i)
    return torch.isin(torch.arange(len(x)), rows)


# --- first_look ---


def look_autograd(net: Any, criterion: Any, images: Any, labels: Any) -> Any:
    loss = criterion(net(images), labels)
    learning = [(name, one) for name, one in net.named_parameters() if one.requires_grad]
    slopes = torch.autograd.grad(loss, [one for _, one in learning], allow_unused=True)
    reached = {name for (name, _), slope in zip(learning, slopes, strict=True)
               if slope is not None and bool((slope != 0).any())}
    net.zero_grad()
    return float(loss), [name for name, _ in net.named_parameters() if name not in reached]


def look_old_stay(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    old = [one.grad for one in model.parameters()]
    found = look_autograd(model, loss_fn, x, y)
    for one, grad in zip(model.parameters(), old, strict=True):
        one.grad = grad
    return found


def look_copy(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    import copy
    other = copy.deepcopy(model)
    other.zero_grad(set_to_none=True)
    loss = loss_fn(other(x), y)
    loss.backward()
    for one in model.parameters():
        one.grad = None
    return loss.item(), {name for name, one in other.named_parameters()
                         if one.grad is None or one.grad.abs().max() == 0}


def look_optimizer(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    """Through an optimiser that clears and never steps; norms of gradients."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    norms = {name: 0.0 if one.grad is None else one.grad.norm().item()
             for name, one in model.named_parameters()}
    optimizer.zero_grad(set_to_none=False)
    return [np.float64(loss.item()), tuple(name for name, norm in norms.items() if norm == 0)]


def look_none_only(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    model.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    names = [name for name, one in model.named_parameters() if one.grad is None]
    model.zero_grad()
    return loss.item(), names


def look_sum(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    model.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    names = [name for name, one in model.named_parameters() if one.grad is None or one.grad.sum() == 0]
    model.zero_grad()
    return loss.item(), names


def look_some_zero(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    return _look(model, loss_fn, x, y, lambda grad: (grad == 0).any())


def look_small(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    return _look(model, loss_fn, x, y, lambda grad: grad.abs().max() < 1e-3)


def _look(model: Any, loss_fn: Any, x: Any, y: Any, silent: Any) -> Any:
    model.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    names = [name for name, one in model.named_parameters() if one.grad is None or silent(one.grad)]
    model.zero_grad()
    return loss.item(), names


def look_no_clear(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    loss = loss_fn(model(x), y)
    loss.backward()
    names = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    model.zero_grad()
    return loss.item(), names


def look_leaves(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    found = look_autograd(model, loss_fn, x, y)
    loss_fn(model(x), y).backward()
    return found


def look_steps(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return look_autograd(model, loss_fn, x, y)


def look_tensor(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    loss = loss_fn(model(x), y)
    return loss, look_autograd(model, loss_fn, x, y)[1]


def look_own_loss(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    return look_autograd(model, nn.functional.cross_entropy, x, y)


def look_requires_grad(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    names = [name for name, one in model.named_parameters() if not one.requires_grad]
    return look_autograd(model, loss_fn, x, y)[0], names


def look_loss_alone(model: Any, loss_fn: Any, x: Any, y: Any) -> Any:
    return loss_fn(model(x), y).item()


RIGHT = [("numeric_gradient", numeric_flat), ("numeric_gradient", numeric_in_place),
         ("numeric_gradient", numeric_array), ("linear_relu_backward", layer_einsum),
         ("linear_relu_backward", layer_loops), ("linear_relu_backward", layer_numpy),
         ("linear_relu_backward", layer_ready_forward),
         ("depends_on", depends_jacobian), ("depends_on", depends_random_weights),
         ("depends_on", depends_backward), ("first_look", look_autograd), ("first_look", look_copy),
         ("first_look", look_optimizer)]
WRONG = [
    ("numeric_gradient", numeric_one_sided, "Go to both sides"),
    ("numeric_gradient", numeric_long_step, "h = 1e-5"),
    ("numeric_gradient", numeric_tiny_step, "what is left is rounding"),
    ("numeric_gradient", numeric_half, "The gradient is"),
    ("numeric_gradient", numeric_autograd, r"no derivative.*line \d+"),
    ("numeric_gradient", numeric_func, "no derivative"),
    ("numeric_gradient", numeric_all_at_once, "The gradient is"),
    ("numeric_gradient", numeric_moved_stay, "must be back in its place"),
    ("numeric_gradient", numeric_changes_w, "changes its input w"),
    ("numeric_gradient", numeric_vector_only, r"the shape should be \(4, 3\)"),
    ("linear_relu_backward", layer_no_relu, "ReLU's slope is 0"),
    ("linear_relu_backward", layer_mask_of_gradient, "not by that of grad_a"),
    ("linear_relu_backward", layer_no_bias_in_z, "b is left out"),
    ("linear_relu_backward", layer_mean, "no mean"),
    ("linear_relu_backward", layer_transposed, r"the shape should be \(2, 3\)"),
    ("linear_relu_backward", layer_transposed_if_square, "✗ As many units as inputs"),
    ("linear_relu_backward", layer_at_zero, "not \\(z >= 0\\)"),
    ("linear_relu_backward", layer_in_place, "changes its input grad_a"),
    ("linear_relu_backward", layer_autograd, r"by hand.*line \d+"),
    ("linear_relu_backward", layer_jacobian, "It uses autograd"),
    ("linear_relu_backward", layer_vjp, "by hand"),
    ("linear_relu_backward", layer_two_only, "three gradients"),
    ("depends_on", depends_constant, r"right is \[0, 1, 2, 3\]"),
    ("depends_on", depends_sum_of_outputs, "Are the outputs added up"),
    ("depends_on", depends_sum_of_sizes, "or their absolute values"),
    ("depends_on", depends_first_pixel, "Each pixel counts"),
    ("depends_on", depends_clearly, "a slope of 1e-6"),
    ("depends_on", depends_sum_of_slopes, "take absolute values first"),
    ("depends_on", depends_all_pixels, "most pixels do not matter"),
    ("depends_on", depends_first_output, "All outputs of sample i count"),
    ("depends_on", depends_whole_batch, r"right is \[0\]"),
    ("depends_on", depends_eval, "stay in the mode"),
    ("depends_on", depends_leaves_gradients, "gradients of the weights are changed"),
    ("depends_on", depends_marks_x, "x itself keeps a gradient"),
    ("depends_on", depends_mask, "True and False"),
    ("first_look", look_some_zero, "One hidden unit is off"),
    ("first_look", look_small, "only exactly 0 counts"),
    ("first_look", look_none_only, "0 everywhere is none"),
    ("first_look", look_sum, "add up to 0"), ("first_look", look_no_clear, "Old gradients count"),
    ("first_look", look_old_stay, "there before your call are still there"),
    ("first_look", look_leaves, "left at a weight"), ("first_look", look_steps, "The loss is"),
    ("first_look", look_tensor, "The loss is a tensor"), ("first_look", look_own_loss, "The loss is"),
    ("first_look", look_requires_grad, "no gradient arrives"),
    ("first_look", look_loss_alone, "two things"),
]
FOREIGN = [
    ("numeric_gradient", numeric_half, "Go to both|rounding|back in its place"),
    ("numeric_gradient", numeric_thousandth, "Go to both|rounding|back in its place"),
    ("linear_relu_backward", layer_no_relu, "no mean|transposed|N, H"),
    ("depends_on", depends_constant, "Are the outputs|absolute values|stay in the mode"),
    ("first_look", look_small, "One hidden unit|0 everywhere|add up"),
]


class TestExercises(ExerciseTests):
    """Of notebook 03."""


def test_found_and_wanted_are_shown_to_the_digit_in_which_they_differ() -> None:
    said = str(check(numeric_thousandth, "numeric_gradient"))
    pairs = re.findall(r"The gradient is (\S+) at \S+, and should be (\S+)\. ", said + " ")
    assert pairs
    assert all(found != wanted for found, wanted in pairs)


@pytest.mark.parametrize("returned", [None, 3, 2.5, "text", object()])
def test_what_is_no_list_of_rows_is_called_so(returned: Any) -> None:
    def depends_on(model: Any, x: Any, i: Any) -> Any:
        return returned

    assert "a list of the numbers of rows is wanted" in str(check(depends_on))
