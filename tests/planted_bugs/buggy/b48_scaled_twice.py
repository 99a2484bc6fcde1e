"""Digits as bytes: decoded by the data set, normalised in the loop."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

BUG = 48
LINE = "return (x / 255 - MEAN) / STD"
CAUSE = "the pixels are divided by 255 twice: the input is nearly constant"
CHECKS = ("input_range", "input_independent_baseline")
VISIBLE = True

MEAN, STD = 0.305, 0.376


def decode(raw):
    """uint8 (n, 8, 8) -> float32 (n, 1, 8, 8) in [0, 1]."""
    return torch.from_numpy(raw).float().div(255).unsqueeze(1)


def normalise(x):
    return (x / 255 - MEAN) / STD


def load():
    bunch = load_digits()
    raw = np.minimum(bunch.images * 16, 255).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(raw))
    x, y = decode(raw[order]), torch.from_numpy(bunch.target[order])
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.fc1 = nn.Linear(12 * 16, 48)
        self.fc2 = nn.Linear(48, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def minibatches(x, y, size=32):
    return [(normalise(x[i]), y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, batches):
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.no_grad()
def evaluate(model, batches):
    return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, minibatches(*train)):.4f}")
    print(f"accuracy {evaluate(model, minibatches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.cross_entropy,
        "batches": minibatches(*train),
        "validation": minibatches(*test),
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
