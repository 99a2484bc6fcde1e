"""Fits a noisy sine with a tanh network and Adam, on plain tensors."""

import math

import torch
from torch import nn

POINTS, BATCH, EPOCHS = 512, 32, 50


def sine(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = 3.4 * torch.rand(n, 1, generator=g) - 1.7
    return x, 1.4 * torch.sin(0.9 * math.pi * x) + 0.05 * torch.randn(n, 1, generator=g)


def make_model():
    return nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def loss_fn(prediction, target):
    return (prediction - target).square().mean()


def one_epoch(model, optimizer, batches):
    total = 0.0
    for x, y in batches:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
    return total / len(batches)


def shuffled(x, y):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(BATCH)]


@torch.no_grad()
def r2(model, x, y):
    return 1 - (loss_fn(model(x), y) / y.var()).item()


def main():
    torch.manual_seed(2)
    train, test = sine(POINTS, 0), sine(200, 1)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(EPOCHS):
        loss = one_epoch(model, optimizer, shuffled(*train))
        if epoch % 5 == 0:
            print("epoch", epoch, "loss", f"{loss:.4f}")
    print("r2", f"{r2(model, *test):.3f}")


def build():
    torch.manual_seed(2)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": shuffled(*sine(POINTS, 0)),
        "validation": [sine(200, 1)],
        "optimizer": make_optimizer,
        "train_epoch": one_epoch,
    }


if __name__ == "__main__":
    main()
