"""Small training programs in pieces, such as a practitioner hands to `checks.subject`, and the
loop that runs them. (Notebook 03, section 5.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.checks import Subject, subject
from recipe_widgets.checks.training_copy import seeded
from recipe_widgets.core import History, generator
from recipe_widgets.data import Data
from recipe_widgets.training import BatchIndices

Pair = tuple[torch.Tensor, torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# samples of a batch, of the training set, of the validation set: a run takes about a second
BATCH, SAMPLES, HELD = 64, 1024, 600


def plain_step(model: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: Loss, x: torch.Tensor,
               y: torch.Tensor) -> torch.Tensor:
    """One step as it should be."""
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def accuracy(model: nn.Module, batches: Any) -> float:
    """Share right over all batches, in eval mode; the mode comes back."""
    was = model.training
    model.eval()
    # (N,) of each batch: 1 where right
    hits = [(model(x).argmax(1) == y).float() for x, y in batches]
    model.train(was)
    return float(torch.cat(hits).mean())


@dataclass(frozen=True)
class Program:
    """A training program. x (N, ...) float32 as it enters the model; y (N,).

    Attributes:
        step: `(model, optimizer, loss_fn, x, y) -> loss`. evaluate: `(model, batches) -> 0 to 1`.
        augment: `(x, y) -> (x, y)` on a training batch. shuffle: a new order in each epoch.
        metric: what `evaluate` gives, in words. unit: of the loss.
    """

    factory: Callable[[], nn.Module]
    train: Pair
    validation: Pair
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    loss_fn: Loss = F.cross_entropy
    step: Callable[..., torch.Tensor] = plain_step
    evaluate: Callable[[nn.Module, Any], float] = accuracy
    augment: Callable[[torch.Tensor, torch.Tensor], Pair] | None = None
    shuffle: bool = True
    steps: int = 150
    classes: int | None = 10
    metric: str = "validation accuracy"
    unit: str = "nats"

    def but(self, **changes: Any) -> Program:
        """The same program with some pieces changed."""
        return dataclasses.replace(self, **changes)

    def rows(self, seed: int) -> Iterator[torch.Tensor]:
        """Which samples make the batches, without end."""
        size = len(self.train[1])
        if self.shuffle:
            yield from BatchIndices(size, BATCH, seed)  # never ends
        while True:
            yield from torch.arange(size).split(BATCH)

    def batches(self, count: int, seed: int = 0) -> list[Pair]:
        """The first batches as they enter the model."""
        made = []
        for _, rows in zip(range(count), self.rows(seed), strict=False):
            x, y = self.train[0][rows], self.train[1][rows]
            made.append(self.augment(x, y) if self.augment is not None else (x, y))
        return made

    def held(self) -> list[Pair]:
        """The validation set in batches."""
        x, y = self.validation
        return list(zip(x.split(200), y.split(200), strict=True))

    def run(self, seed: int = 0, looks: int = 8) -> History:
        """Train from this seed: columns `train_loss` of each step, `val_accuracy` of `looks`
        evenly spaced ones.
        """
        # every: steps from look to look
        history, held, every = History(), self.held(), max(1, self.steps // looks)
        with seeded(seed):
            model = self.factory().train()
            optimizer = self.optimizer(model)
            for index, (x, y) in enumerate(self.batches(self.steps, seed)):
                history.append("train_loss", index,
                               float(self.step(model, optimizer, self.loss_fn, x, y)))
                if (index + 1) % every == 0:
                    history.append("val_accuracy", index, self.evaluate(model, held))
        return history

    def subject(self) -> Subject:
        """What the checks look at."""
        def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor,
                       y: torch.Tensor) -> torch.Tensor:
            return self.step(model, optimizer, self.loss_fn, x, y)

        epoch = self.batches(max(1, len(self.train[1]) // BATCH))  # no sample twice
        return subject(self.factory, epoch, self.loss_fn, optimizer=self.optimizer,
                       num_classes=self.classes, train_step=train_step, evaluate=self.evaluate,
                       validation=self.held(), augment=self.augment)


def samples(data: Data, train: int = SAMPLES, held: int = HELD) -> tuple[Pair, Pair]:
    """So many normalised training and validation samples, the same at every call."""
    parts = []
    for split, count in ((data.train, train), (data.validation, held)):
        parts.append(
            split.batch(torch.randperm(split.size, generator=generator(0, "split"))[:count]))
    return parts[0], parts[1]


def sgd(lr: float, momentum: float = 0.0,
        weight_decay: float = 0.0) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Makes SGD over all parameters of a model."""
    return lambda model: torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum,
                                         weight_decay=weight_decay)


def mlp(data: Data) -> Program:
    """Inputs, 64 ReLU units, 10 logits."""
    inputs = data.train.x[0].numel()
    train, held = samples(data)
    return Program(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 10)),
        train, held, sgd(0.1 if inputs < 1000 else 0.03))


def tanh_net(data: Data) -> Program:
    """Three layers with tanh, PyTorch's own initialisation."""
    return mlp(data).but(factory=lambda: tanh_layers(data.train.x[0].numel()))


def tanh_layers(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64),
                         nn.Tanh(), nn.Linear(64, 10))


def convnet(data: Data) -> Program:
    """Two convolutions with BatchNorm, dropout, 10 logits."""
    train, held = samples(data)
    return Program(conv_layers, train, held, sgd(0.05, momentum=0.9), steps=120)


def conv_layers(bias: bool = False) -> nn.Sequential:
    """(N, 3, 32, 32) to (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 2, 2, bias=bias), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1, bias=bias), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.7), nn.Linear(32 * 4 * 4, 10))


class RowReader(nn.Module):
    """A GRU reads a picture row by row; the mean of its states makes the logits: (N, 1, H, W) to
    (N, 10).
    """

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(28, 32), nn.Linear(32, 10)

    def samples_first(self, states: torch.Tensor) -> torch.Tensor:
        """(T, N, H) to (N, T, H)."""
        return states.permute(1, 0, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.rnn(x.flatten(1, 2).transpose(0, 1))  # (T, N, H)
        out: torch.Tensor = self.head(self.samples_first(states).mean(1))
        return out


def row_reader(data: Data) -> Program:
    """The GRU with Adam."""
    train, held = samples(data)
    return Program(RowReader, train, held,
                   lambda model: torch.optim.Adam(model.parameters(), lr=0.01), steps=120)


def ink(data: Data) -> Program:
    """A regression: how much ink does a digit have, in per cent of the picture? y (N, 1)."""
    def amounts(pair: Pair) -> Pair:
        x = pair[0]
        level = (x * data.std[0] + data.mean[0]).flatten(1).mean(1, keepdim=True)  # 0 to 1
        return x, 100 * level

    train, held = (amounts(pair) for pair in samples(data))
    return Program(ink_net, train, held, sgd(0.003), loss_fn=F.mse_loss, evaluate=within_one,
                   classes=None, steps=40, metric="share within 1 % of ink",
                   unit="squared per cent")


def ink_net(bias: bool = True) -> nn.Sequential:
    """(N, 1, 28, 28) to (N, 1), which begins near the mean of the targets, 13 %, where it has a
    bias.
    """
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Tanh(), nn.Linear(32, 1, bias=bias))
    if bias:
        nn.init.constant_(net[-1].bias, 13.0)  # type: ignore[arg-type]
    return net


@torch.no_grad()
def within_one(model: nn.Module, batches: Any) -> float:
    """Share of samples whose prediction is off by at most 1."""
    was = model.training
    model.eval()
    near = [((model(x) - y).abs() <= 1).float() for x, y in batches]
    model.train(was)
    return float(torch.cat(near).mean())
