"""Digits: logistic regression with one hidden layer, epochs of plain tensor batches."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

BUG = 15
LINE = "optimizer.zero_grad()"
CAUSE = "zero_grad once per epoch instead of once per step"
CHECKS = ("grads_are_cleared",)
VISIBLE = True


def load(seed=0):
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x = torch.as_tensor((x[order] - 4.884) / 6.017, dtype=torch.float32)
    y = torch.as_tensor(y[order])
    return x[:1437], y[:1437], x[1437:], y[1437:]


def mlp():
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.2)


def train_epoch(model, optimizer, batches):
    optimizer.zero_grad()
    epoch_loss = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        epoch_loss.append(loss.item())
    return np.mean(epoch_loss)


def evaluate(model, batches):
    with torch.no_grad():
        return np.mean(np.concatenate([(model(x).argmax(1) == y).numpy() for x, y in batches]))


def batch_list(x, y, size=48):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def main():
    torch.manual_seed(1)
    train_x, train_y, test_x, test_y = load()
    model = mlp()
    optimizer = sgd(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batch_list(train_x, train_y)):.4f}")
    print(f"accuracy {evaluate(model, [(test_x, test_y)]):.3f}")


def build():
    torch.manual_seed(1)
    train_x, train_y, test_x, test_y = load()
    return {
        "model": mlp(),
        "factory": mlp,
        "loss_fn": F.cross_entropy,
        "batches": batch_list(train_x, train_y),
        "validation": [(test_x, test_y)],
        "num_classes": 10,
        "optimizer": sgd,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
