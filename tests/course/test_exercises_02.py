"""Exercises of notebook 02: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course import check
from tests.course.exercise_tests import ExerciseTests

# --- cross_entropy ---


def entropy_gather(scores: Any, labels: Any) -> Any:
    top = scores.amax(1)
    total = top + (scores - top[:, None]).exp().sum(1).log()
    return (total - scores.gather(1, labels[:, None])[:, 0]).mean()


def entropy_loop(logits: Any, y: Any) -> Any:
    total = 0.0
    for row, label in zip(logits, y, strict=True):
        top = row.max()
        total = total + top + (row - top).exp().sum().log() - row[label]
    return total / len(y)


def entropy_one_hot(logits: Any, y: Any) -> Any:
    logits = logits.double()
    shifted = logits - logits.amax(1, keepdim=True).detach()
    logs = shifted - torch.log(torch.sum(torch.exp(shifted), 1, keepdim=True))
    return -(F.one_hot(y, logits.shape[1]) * logs).sum(1).mean(0)


def entropy_call(logits: Any, y: Any) -> Any:
    return F.cross_entropy(logits, y)


def entropy_module(logits: Any, y: Any) -> Any:
    return nn.CrossEntropyLoss()(logits, y)


def entropy_softmax(logits: Any, y: Any) -> Any:
    return -logits.softmax(1)[torch.arange(len(y)), y].log().mean()


def entropy_log_softmax(logits: Any, y: Any) -> Any:
    return -torch.log_softmax(logits, 1)[torch.arange(len(y)), y].mean()


def entropy_logsumexp(logits: Any, y: Any) -> Any:
    return (torch.logsumexp(logits, 1) - logits[torch.arange(len(y)), y]).mean()


def entropy_special(logits: Any, y: Any) -> Any:
    return -torch.special.log_softmax(logits, 1)[torch.arange(len(y)), y].mean()


def entropy_cumulated(logits: Any, y: Any) -> Any:
    return (logits.logcumsumexp(1)[:, -1] - logits[torch.arange(len(y)), y]).mean()


def entropy_overflow(logits: Any, y: Any) -> Any:
    chances = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -chances[torch.arange(len(y)), y].log().mean()


def entropy_underflow(logits: Any, y: Any) -> Any:
    shifted = (logits - logits.max(1, keepdim=True).values).exp()
    return -(shifted / shifted.sum(1, keepdim=True))[torch.arange(len(y)), y].log().mean()


def entropy_sum(logits: Any, y: Any) -> Any:
    return entropy_gather(logits, y) * len(y)


def entropy_axis(logits: Any, y: Any) -> Any:
    return (logits.exp().sum(0).log().mean() - logits[torch.arange(len(y)), y]).mean()


def entropy_item(logits: Any, y: Any) -> Any:
    return entropy_gather(logits, y).item()


def entropy_detached(logits: Any, y: Any) -> Any:
    return entropy_gather(logits.detach(), y)


def entropy_in_place(logits: Any, y: Any) -> Any:
    with torch.no_grad():
        logits -= logits.max(1, keepdim=True).values
    return entropy_gather(logits, y)


def entropy_constant(logits: Any, y: Any) -> Any:
    return torch.tensor(math.log(logits.shape[1]))


# --- constant_baseline ---


def constant_numpy(a: Any, b: Any, k: Any) -> Any:
    a, b = a.numpy(), b.numpy()
    shares = np.array([(a == label).mean() for label in range(k)])
    return (b == shares.argmax()).mean(), -np.log(shares[b]).mean()


def constant_python(y_train: Any, y_val: Any, classes: Any) -> Any:
    counts = [y_train.tolist().count(label) for label in range(classes)]
    best = counts.index(max(counts))
    hits = [label == best for label in y_val.tolist()]
    logs = [math.log(counts[label] / len(y_train)) if counts[label] else -math.inf
            for label in y_val.tolist()]
    return [sum(hits) / len(hits), -sum(logs) / len(logs)]


def constant_torch(y_train: Any, y_val: Any, classes: Any) -> Any:
    share = F.one_hot(y_train, classes).double().mean(0)
    logits = share.log().expand(len(y_val), -1)
    return (y_val == y_train.mode().values).double().mean(), -logits.gather(1, y_val[:, None]).mean()


def constant_from_validation(y_train: Any, y_val: Any, classes: Any) -> Any:
    return constant_python(y_val, y_val, classes)


def constant_no_minlength(y_train: Any, y_val: Any, classes: Any) -> Any:
    shares = torch.bincount(y_train) / len(y_train)
    return (y_val == shares.argmax()).float().mean(), -shares[y_val].log().mean()


def constant_never_infinite(y_train: Any, y_val: Any, classes: Any) -> Any:
    shares = torch.bincount(y_train, minlength=classes) / len(y_train) + 1e-9
    return (y_val == shares.argmax()).float().mean(), -shares[y_val].log().mean()


def constant_uniform(y_train: Any, y_val: Any, classes: Any) -> Any:
    return constant_python(y_train, y_val, classes)[0], math.log(classes)


def constant_entropy(y_train: Any, y_val: Any, classes: Any) -> Any:
    """Sums over classes: 0 times log 0."""
    p = torch.bincount(y_train, minlength=classes) / len(y_train)
    q = torch.bincount(y_val, minlength=classes) / len(y_val)
    return q[p.argmax()], -(q * p.log()).sum()


def constant_train_only(y_train: Any, y_val: Any, classes: Any) -> Any:
    return constant_python(y_train, y_train, classes)


def constant_log2(y_train: Any, y_val: Any, classes: Any) -> Any:
    accuracy, loss = constant_python(y_train, y_val, classes)
    return accuracy, loss / math.log(2)


def constant_one_number(y_train: Any, y_val: Any, classes: Any) -> Any:
    return constant_python(y_train, y_val, classes)[0]


# --- evaluate ---


def evaluate_cat(net: Any, data: Any, criterion: Any) -> Any:
    mode = net.training
    net.eval()
    total, hits, count = [], [], 0
    for x, y in data:
        with torch.inference_mode():
            out = net(x)
            total.append(criterion(out, y).double() * y.numel())
            hits.append(out.max(1)[1] == y)
        count += y.numel()
    net.train(mode)
    return (torch.stack(total).sum() / count).item(), torch.cat(hits).float().mean().item()


@torch.no_grad()
def evaluate_decorated(model: Any, loader: Any, loss_fn: Any) -> Any:
    was = model.training
    try:
        model.train(False)
        sums = np.zeros(3)
        for x, y in loader:
            out = model(x)
            sums += [float(loss_fn(out, y)) * len(x), int((out.argmax(-1) == y).sum()), len(x)]
    finally:
        model.train(was)
    return sums[0] / sums[2], sums[1] / sums[2]


def evaluate_at_once(model: Any, loader: Any, loss_fn: Any) -> Any:
    was = model.training
    model.eval()
    with torch.no_grad():
        parts = [(model(x), y, loss_fn(model(x), y)) for x, y in loader]
    model.train(was)
    count = sum(len(y) for _, y, _ in parts)
    return (sum(float(loss) * len(y) for _, y, loss in parts) / count,
            sum(int((out.argmax(1) == y).sum()) for out, y, _ in parts) / count)


def evaluate_batch_means(model: Any, loader: Any, loss_fn: Any) -> Any:
    was = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(float(loss_fn(model(x), y)), float((model(x).argmax(1) == y).float().mean()))
                 for x, y in loader]
    model.train(was)
    return tuple(np.array(pairs).mean(0))


def evaluate_training_mode(model: Any, loader: Any, loss_fn: Any) -> Any:
    with torch.no_grad():
        parts = [(model(x), y) for x, y in loader]
    out, y = torch.cat([o for o, _ in parts]), torch.cat([y for _, y in parts])
    return loss_fn(out, y).item(), (out.argmax(1) == y).float().mean().item()


def evaluate_stays_eval(model: Any, loader: Any, loss_fn: Any) -> Any:
    model.eval()
    return evaluate_decorated(model, loader, loss_fn)


def evaluate_always_train(model: Any, loader: Any, loss_fn: Any) -> Any:
    result = evaluate_decorated(model, loader, loss_fn)
    model.train()
    return result


def evaluate_gradients(model: Any, loader: Any, loss_fn: Any) -> Any:
    was = model.training
    model.eval()
    loss = right = seen = 0
    for x, y in loader:
        out = model(x)
        loss += loss_fn(out, y).item() * len(y)
        right += (out.argmax(1) == y).sum().item()
        seen += len(y)
    model.train(was)
    return loss / seen, right / seen


def evaluate_sums(model: Any, loader: Any, loss_fn: Any) -> Any:
    loss, share = evaluate_decorated(model, loader, loss_fn)
    return loss * sum(len(y) for _, y in loader), share


def evaluate_tensors(model: Any, loader: Any, loss_fn: Any) -> Any:
    return tuple(map(torch.tensor, evaluate_decorated(model, loader, loss_fn)))


def evaluate_swapped(model: Any, loader: Any, loss_fn: Any) -> Any:
    return evaluate_decorated(model, loader, loss_fn)[::-1]


def evaluate_own_loss(model: Any, loader: Any, loss_fn: Any) -> Any:
    return evaluate_decorated(model, loader, F.cross_entropy)


RIGHT = [("cross_entropy", entropy_gather), ("cross_entropy", entropy_loop),
         ("cross_entropy", entropy_one_hot), ("constant_baseline", constant_numpy),
         ("constant_baseline", constant_python), ("constant_baseline", constant_torch),
         ("evaluate", evaluate_cat), ("evaluate", evaluate_decorated), ("evaluate", evaluate_at_once)]
WRONG = [
    ("cross_entropy", entropy_call, r"by hand.*line \d+"),
    ("cross_entropy", entropy_module, r"by hand.*CrossEntropyLoss"),
    ("cross_entropy", entropy_softmax, "by hand"), ("cross_entropy", entropy_log_softmax, "by hand"),
    ("cross_entropy", entropy_logsumexp, "by hand"), ("cross_entropy", entropy_special, "by hand"),
    ("cross_entropy", entropy_cumulated, "by hand"),
    ("cross_entropy", entropy_overflow, r"exp\(1000\) is infinite"),
    ("cross_entropy", entropy_underflow, "its logarithm is not"),
    ("cross_entropy", entropy_sum, "The loss is"), ("cross_entropy", entropy_axis, "The loss is"),
    ("cross_entropy", entropy_item, "must stay a tensor"),
    ("cross_entropy", entropy_detached, "cut off from its graph"),
    ("cross_entropy", entropy_in_place, "changes its input logits"),
    ("cross_entropy", entropy_constant, "The loss is"),
    ("constant_baseline", constant_from_validation, "y_train alone"),
    ("constant_baseline", constant_no_minlength, "✗ The last class.*IndexError"),
    ("constant_baseline", constant_never_infinite, "✗ The last class.*should be inf"),
    ("constant_baseline", constant_uniform, "The loss is"),
    ("constant_baseline", constant_entropy, r"0 times log\(0\)"),
    ("constant_baseline", constant_train_only, "is"), ("constant_baseline", constant_log2, "The loss is"),
    ("constant_baseline", constant_one_number, "two numbers"),
    ("evaluate", evaluate_batch_means, "weigh each batch by its size"),
    ("evaluate", evaluate_training_mode, r"model\.eval\(\) first"),
    ("evaluate", evaluate_stays_eval, "came in training mode"),
    ("evaluate", evaluate_always_train, "came in evaluation mode"),
    ("evaluate", evaluate_gradients, "no_grad"), ("evaluate", evaluate_sums, "The loss is"),
    ("evaluate", evaluate_tensors, "loss is a tensor; a Python number"),
    ("evaluate", evaluate_swapped, "The loss is"), ("evaluate", evaluate_own_loss, "The loss is"),
]
FOREIGN = [
    ("cross_entropy", entropy_sum, r"exp\(1000\)|logarithm is not"),
    ("cross_entropy", entropy_constant, r"exp\(1000\)|logarithm is not"),
    ("constant_baseline", constant_from_validation, r"log\(0\)"),
    ("constant_baseline", constant_train_only, "y_train alone"),
    ("evaluate", evaluate_batch_means, "In training mode dropout"),
    ("evaluate", evaluate_training_mode, "weigh each batch"),
    ("evaluate", evaluate_swapped, "weigh each batch|In training mode"),
]


class TestExercises(ExerciseTests):
    """Of notebook 02."""


@pytest.mark.parametrize(("returned", "said"), [(None, "It returns None"), (2.5, "It returns 2.5"),
                                                ("a", "It returns 'a'"), ([1], "It returns list")])
def test_a_loss_that_is_no_tensor_is_called_what_it_is(returned: Any, said: str) -> None:
    def cross_entropy(logits: Any, y: Any) -> Any:
        return returned

    verdict = str(check(cross_entropy))
    assert re.search(said, verdict), verdict
    assert "Python number" not in verdict
