"""Digits ConvNet with an effective batch of 64: 8 micro-batches of 8 are accumulated."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

MICRO, ACCUMULATE = 8, 8


def data():
    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
    x = (x - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1408], order[1408:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), MICRO, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), 389),
    )


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        (loss / ACCUMULATE).backward()
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item()
    return total / len(loader)


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = data()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(5):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = data()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
