"""Digits with a ConvNet and SGD; some batches used to give large losses."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

BUG = 11
LINE = "return F.cross_entropy(logits, y).clamp(max=1.0)"
CAUSE = "the loss is clipped instead of the gradient"
CHECKS = ("gradients_flow", "loss_at_init", "loss_decreases")
VISIBLE = True


def get_arguments(argv=None):
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--batch", type=int, default=32)
    return p.parse_args(argv)


def read_digits():
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1
    y = torch.tensor(d.target)
    keep = torch.randperm(len(y), generator=torch.Generator().manual_seed(5))
    return x[keep[:1400]], y[keep[:1400]], x[keep[1400:]], y[keep[1400:]]


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 16, 10),
    )


def loss_fn(logits, y):
    return F.cross_entropy(logits, y).clamp(max=1.0)


def update(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def get_batches(x, y, size):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


@torch.no_grad()
def evaluate(model, batches):
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in batches)
    return correct / sum(len(y) for _, y in batches)


def main():
    args = get_arguments()
    torch.manual_seed(0)
    train_x, train_y, test_x, test_y = read_digits()
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        losses = [update(model, optimizer, x, y).item() for x, y in get_batches(train_x, train_y, args.batch)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, [(test_x, test_y)]):.3f}")


def build():
    args = get_arguments([])
    torch.manual_seed(0)
    train_x, train_y, test_x, test_y = read_digits()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": get_batches(train_x, train_y, args.batch),
        "validation": [(test_x, test_y)],
        "num_classes": 10,
        "optimizer": lambda model: torch.optim.SGD(model.parameters(), lr=args.lr),
        "train_step": update,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
