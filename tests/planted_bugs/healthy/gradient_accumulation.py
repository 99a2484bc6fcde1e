"""Digits ConvNet with small batches; four of them make one step."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "deliberate gradient accumulation: zero_grad and step only every fourth batch"
ACCUMULATE = 4


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1440], order[1440:]
    return DataLoader(TensorDataset(x[train], y[train]), 16, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 357
    )


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(384, 10),
    )


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total, last = 0.0, len(loader) % ACCUMULATE
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader, start=1):
        loss = criterion(model(x), y)
        group = last if i > len(loader) - last else ACCUMULATE
        (loss / group).backward()
        if i % ACCUMULATE == 0 or i == len(loader):
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(6):
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
