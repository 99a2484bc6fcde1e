"""Two spirals: a three-layer network for points in the plane."""

import math

import torch
from torch import nn


def spirals(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=g)
    t = torch.rand(n, generator=g)
    angle = 1.5 * math.pi * (0.2 + t) + math.pi * y
    x = (0.2 + 1.6 * t)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return x + 0.06 * torch.randn(n, 2, generator=g), y


class SpiralNet(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.fc1 = nn.Linear(2, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, 2)

    def forward(self, x):
        x = torch.relu(self.fc2(torch.relu(self.fc1(x))))
        return self.fc3(x)


loss_fn = nn.CrossEntropyLoss()


def batches(x, y, size=50):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, loader):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate(model, loader):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / sum(len(y) for _, y in loader)


def main():
    torch.manual_seed(0)
    train, test = spirals(1000, 0), spirals(300, 1)
    model = SpiralNet()
    optimizer = make_optimizer(model)
    for epoch in range(20):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": SpiralNet(),
        "factory": SpiralNet,
        "loss_fn": loss_fn,
        "batches": batches(*spirals(1000, 0)),
        "validation": [spirals(300, 1)],
        "num_classes": 2,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
