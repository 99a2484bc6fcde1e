"""Exercises of notebook 00: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.course.exercise_tests import ExerciseTests

# --- look_at_batch ---


def look_numpy(images: Any, labels: Any) -> Any:
    array = images.numpy().astype("float64")
    return {"shape": images.shape, "low": array.min(), "high": array.max(), "mean": array.mean(),
            "counts": np.bincount(labels.numpy())}


def look_loops(x: Any, y: Any) -> Any:
    numbers = [float(one) for one in x.flatten()]
    counts = [0] * (int(y.max()) + 1)
    for one in y:
        counts[int(one)] += 1
    return {"shape": list(x.shape), "low": min(numbers), "high": max(numbers),
            "mean": sum(numbers) / len(numbers), "counts": counts}


def look_extra(x: Any, y: Any) -> Any:
    x = x.to(torch.float64)
    return {"shape": x.size(), "low": x.amin(), "high": x.amax(), "mean": x.mean(), "std": x.std(),
            "counts": [(y == k).sum() for k in range(y.max() + 1)]}


def look_bytes_mean(x: Any, y: Any) -> Any:
    return {"shape": tuple(x.shape), "low": x.min().item(), "high": x.max().item(),
            "mean": x.mean().item(), "counts": torch.bincount(y).tolist()}


def look_in_place(x: Any, y: Any) -> Any:
    x -= x.min()
    return look_extra(x, y)


def look_present_only(x: Any, y: Any) -> Any:
    return look_extra(x, y) | {"counts": y.unique(return_counts=True)[1].tolist()}


def look_ten(x: Any, y: Any) -> Any:
    return look_extra(x, y) | {"counts": torch.bincount(y, minlength=10).tolist()}


# --- train_epoch ---


def train_zero_last(net: Any, batches: Any, criterion: Any, opt: Any) -> Any:
    net.train()
    history = ()
    for images, labels in batches:
        error = criterion(net(images), labels)
        error.backward()
        opt.step()
        opt.zero_grad()
        history += (error.detach(),)
    return history


def train_by_model(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    model.train(True)
    losses = []
    for batch in loader:
        model.zero_grad(set_to_none=False)
        out = model(batch[0])
        loss = loss_fn(out, batch[1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def train_closure(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return [step(x, y) for x, y in iter(loader) if model.train() is not None]


def train_never_cleared(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    model.train()
    losses = []
    for x, y in loader:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_no_step(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        losses.append(loss.item())
    return losses


def train_graph(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss)
    return losses


def train_no_mode(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    return train_closure(_Untouched(model), loader, loss_fn, optimizer)


class _Untouched:
    """A model whose mode cannot be changed."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def train(self) -> bool:
        return True

    def __call__(self, x: Any) -> Any:
        return self.model(x)


def train_first_only(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    x, y = next(iter(loader))
    return train_by_model(model, [(x, y)], loss_fn, optimizer)


def train_mean(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    losses = train_by_model(model, loader, loss_fn, optimizer)
    return sum(losses) / len(losses)


def train_own_loss(model: Any, loader: Any, loss_fn: Any, optimizer: Any) -> Any:
    return train_by_model(model, loader, torch.nn.functional.cross_entropy, optimizer)


# --- accuracy ---


def accuracy_decorated() -> Any:
    @torch.inference_mode()
    def accuracy(network: Any, data: Any) -> Any:
        network.eval()
        right = [network(x).max(1).indices.eq(y) for x, y in data]
        return torch.cat(right).double().mean()

    return accuracy


def accuracy_numpy(model: Any, loader: Any) -> Any:
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            for one, label in zip(model(x).numpy(), y.tolist(), strict=True):
                right += int(one.argmax()) == label
                total += 1
    return np.float64(right / total)


def accuracy_mode_back(model: Any, loader: Any) -> Any:
    was = model.training
    value = accuracy_numpy(model, loader)
    model.train(was)
    return value


def accuracy_batch_mean(model: Any, loader: Any) -> Any:
    model.eval()
    with torch.no_grad():
        shares = [(model(x).argmax(1) == y).float().mean() for x, y in loader if len(y)]
    return sum(shares) / len(shares)


def accuracy_training(model: Any, loader: Any) -> Any:
    model.train()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in loader)
    return right / sum(len(y) for _, y in loader)


def accuracy_gradients(model: Any, loader: Any) -> Any:
    model.eval()
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in loader)
    return right / sum(len(y) for _, y in loader)


def accuracy_axis(model: Any, loader: Any) -> Any:
    model.eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(0) == y).sum()) for x, y in loader)
    return right / sum(len(y) for _, y in loader)


def accuracy_switches_off(model: Any, loader: Any) -> Any:
    torch.set_grad_enabled(False)
    return accuracy_gradients(model, loader)


def accuracy_smallest(model: Any, loader: Any) -> Any:
    return accuracy_numpy(lambda_model(model), loader)


def lambda_model(model: Any) -> Any:
    class Turned(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return -model.eval()(x)

    return Turned()


def accuracy_percent(model: Any, loader: Any) -> Any:
    return 100 * accuracy_numpy(model, loader)


def accuracy_constant(model: Any, loader: Any) -> Any:
    return 0.75


def accuracy_first(model: Any, loader: Any) -> Any:
    return accuracy_numpy(model, loader[:1])


def accuracy_threshold(model: Any, loader: Any) -> Any:
    model.eval()
    with torch.no_grad():
        right = sum(int(((model(x) > 0).int().argmax(1) == y).sum()) for x, y in loader)
    return right / sum(len(y) for _, y in loader)


RIGHT = [("look_at_batch", look_numpy), ("look_at_batch", look_loops), ("look_at_batch", look_extra),
         ("train_epoch", train_zero_last), ("train_epoch", train_by_model),
         ("train_epoch", train_closure), ("accuracy", accuracy_decorated()),
         ("accuracy", accuracy_numpy), ("accuracy", accuracy_mode_back)]
WRONG = [
    ("look_at_batch", look_bytes_mean, "mean"), ("look_at_batch", look_in_place, "changes its input x"),
    ("look_at_batch", look_present_only, "counts"), ("look_at_batch", look_ten, "counts"),
    ("train_epoch", train_never_cleared, "gradients are not cleared"),
    ("train_epoch", train_no_step, "after the epoch|loss of step 2|watch"),
    ("train_epoch", train_graph, r"append loss\.item"),
    ("train_epoch", train_no_mode, r"model\.train\(\)"),
    ("train_epoch", train_first_only, "Losses returned: 1; batches: 5"),
    ("train_epoch", train_mean, "a list of the losses is wanted"),
    ("train_epoch", train_own_loss, "loss of step 1"),
    ("accuracy", accuracy_batch_mean, "mean taken over batches"),
    ("accuracy", accuracy_training, r"model\.eval\(\)"),
    ("accuracy", accuracy_gradients, "no_grad"),
    ("accuracy", accuracy_switches_off, "switched off for all code after it"),
    ("accuracy", accuracy_axis, "size of tensor|should be"),
    ("accuracy", accuracy_percent, "no per cent"), ("accuracy", accuracy_constant, "should be"),
    ("accuracy", accuracy_first, "should be"), ("accuracy", accuracy_threshold, "should be"),
]
FOREIGN = [
    ("accuracy", accuracy_smallest, "mean taken over batches"),
    ("accuracy", accuracy_first, "mean taken over batches"),
    ("accuracy", accuracy_constant, "mean taken over batches"),
]


class TestExercises(ExerciseTests):
    """Of notebook 00."""
