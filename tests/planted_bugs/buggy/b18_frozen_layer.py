"""Digits ConvNet, trained from scratch; grew out of a fine-tuning script."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 18
LINE = "for p in self.middle.parameters():"
CAUSE = "a randomly initialised layer is frozen"
CHECKS = ("gradients_flow", "optimizer_covers_model")
VISIBLE = True


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.middle = nn.Sequential(nn.Conv2d(4, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(12 * 4, 10)
        for p in self.middle.parameters():
            p.requires_grad = False

    def forward(self, x):
        x = self.stem(x)
        x = self.middle(x)
        return self.head(x.flatten(1))


def loaders():
    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    x = (x - x.mean()) / x.std()
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(2))
    a, b = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[a], y[a]), 32, shuffle=True), DataLoader(TensorDataset(x[b], y[b]), 120)


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8, weight_decay=1e-4)


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    losses = []
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = SmallNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} | train loss {train_epoch(model, optimizer, train):.4f}")
    print(f"test accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": SmallNet(),
        "factory": SmallNet,
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
