"""Digits with the one-cycle schedule, which is stepped after every batch, as it should be."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

TRAP = "a scheduler made for batches is stepped per batch, and starts at a low rate"
EPOCHS = 6


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 48, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 90
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.fc = nn.Linear(256, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv1(x))), 2)
        return self.fc(x.flatten(1))


def train_epoch(model, optimizer, loader, scheduler=None):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=EPOCHS * len(train))
    for epoch in range(EPOCHS):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train, scheduler):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
