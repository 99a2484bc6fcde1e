"""Digits ConvNet with GroupNorm in the trunk and LayerNorm before the classifier."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "normalisation without batch statistics; bias before GroupNorm is not redundant"


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.GroupNorm(8, 32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.LayerNorm(128),
        nn.Linear(128, 10),
    )


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 32, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 90
    )


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(5):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
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
