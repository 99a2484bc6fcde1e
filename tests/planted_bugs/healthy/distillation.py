"""A small student learns from the probabilities of a trained teacher, on the digits."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TRAP = "a teacher in eval mode under no_grad that is not trained"


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(bunch.data, dtype=torch.float32)[order] - 4.884) / 6.017
    y = torch.tensor(bunch.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def teacher():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 10))


def student():
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_step(model, optimizer, x, y):
    """y: class indices or class probabilities."""
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def trained_teacher():
    model = teacher()
    optimizer = make_optimizer(model)
    for _ in range(4):
        for x, y in batches(*load()[0]):
            train_step(model, optimizer, x, y)
    return model.eval()


@torch.no_grad()
def soft_batches(model, x, y):
    return [(a, model(a).div(1.5).softmax(1)) for a, _ in batches(x, y)]


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = load()
    expert, model = trained_teacher(), student()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, p).item() for x, p in soft_batches(expert, *train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": student(),
        "factory": student,
        "loss_fn": F.cross_entropy,
        "batches": soft_batches(trained_teacher(), *train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
