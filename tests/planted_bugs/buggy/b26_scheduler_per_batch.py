"""Digits with SGD and a step schedule: the rate falls tenfold every 5 epochs."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

BUG = 26
LINE = "scheduler.step()"
CAUSE = "a per-epoch scheduler is stepped once per batch"
CHECKS = ("lr_verdict",)
VISIBLE = False


def make_loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return (
        DataLoader(TensorDataset(x[order[:1437]], y[order[:1437]]), batch_size=64, shuffle=True),
        DataLoader(TensorDataset(x[order[1437:]], y[order[1437:]]), batch_size=64),
    )


def make_model():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def fit(model, optimizer, loader, epochs):
    scheduler = StepLR(optimizer, step_size=5, gamma=0.1)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            total += train_step(model, optimizer, x, y).item()
            scheduler.step()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = make_loaders()
    model = make_model()
    fit(model, make_optimizer(model), train, epochs=12)
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = make_loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
