"""A digits net is adapted to a smaller task (even or odd): new head, all layers trained."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

BUG = 17
LINE = "optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)"
CAUSE = "the optimiser was made before the head was replaced: it holds the old one"
CHECKS = ("optimizer_covers_model",)
VISIBLE = True


class DigitNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.trunk(x))


def adapt(model, lr=0.05):
    """New two-way head; gives the optimiser for the whole network."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    model.head = nn.Linear(64, 2)
    return optimizer


def data():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(6))
    x = (torch.tensor(bunch.data).float()[order] - 4.884) / 6.017
    y = torch.tensor(bunch.target)[order] % 2
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def batches(x, y, size=40):
    return list(zip(x.split(size), y.split(size), strict=True))


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def accuracy(model, loader):
    with torch.no_grad():
        return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = data()
    model = DigitNet()
    optimizer = adapt(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {accuracy(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    train, test = data()
    return {
        "model": DigitNet(2),
        "factory": lambda: DigitNet(2),
        "loss_fn": F.cross_entropy,
        "batches": batches(*train),
        "validation": batches(*test),
        "num_classes": 2,
        "optimizer": adapt,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
