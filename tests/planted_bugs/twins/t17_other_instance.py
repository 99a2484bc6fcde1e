"""Stripes in 6 directions with a ConvNet; model and optimiser come from small factories."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def stripes(n, seed, classes=6, size=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=g)
    angle, phase = y * math.pi / classes, 2 * math.pi * torch.rand(n, generator=g)
    r = torch.linspace(-1, 1, size)
    u = r[None, None, :] * angle.cos()[:, None, None] + r[None, :, None] * angle.sin()[:, None, None]
    x = torch.cos(6 * u + phase[:, None, None]) + 0.6 * torch.randn(n, size, size, generator=g)
    return TensorDataset(x[:, None] / 0.93, y)


def create_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 6),
    )


def create_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def create_loaders():
    return DataLoader(stripes(768, 0), batch_size=32, shuffle=True), DataLoader(stripes(256, 1), batch_size=256)


loss_fn = nn.CrossEntropyLoss()


def fit(model, optimizer, loader):
    last = 0.0
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = 0.9 * last + 0.1 * loss.item() if last else loss.item()
    return last


def accuracy(model, loader):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in loader) / len(loader)


def main():
    torch.manual_seed(0)
    train, test = create_loaders()
    model = create_model()
    optimizer = create_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch}, loss {fit(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = create_loaders()
    return {
        "model": create_model(),
        "factory": create_model,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 6,
        "optimizer": create_optimizer,
        "train_epoch": fit,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
