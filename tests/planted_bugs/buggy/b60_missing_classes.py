"""Soil samples (synthetic, sorted by type as in the register): 10 types from 8 measurements."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 60
LINE = "order = torch.arange(len(y))"
CAUSE = "a sorted table is cut without shuffling: the last classes are missing in training"
CHECKS = ("class_balance",)
VISIBLE = True


def register(n=1500, seed=0):
    """x (n, 8), y (n,) sorted by type."""
    g = torch.Generator().manual_seed(seed)
    centres = 1.6 * torch.randn(10, 8, generator=g)
    y = torch.randint(10, (n,), generator=g).sort().values
    x = centres[y] + torch.randn(n, 8, generator=g)
    return (x - x.mean(0)) / x.std(0), y


def split(x, y, share=0.8):
    order = torch.arange(len(y))
    cut = int(share * len(y))
    return TensorDataset(x[order[:cut]], y[order[:cut]]), TensorDataset(x[order[cut:]], y[order[cut:]])


def loaders():
    train, validation = split(*register())
    return DataLoader(train, batch_size=40, shuffle=True), DataLoader(validation, batch_size=100)


class SoilNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(8, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, validation = loaders()
    model = SoilNet()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, validation):.3f}")


def build():
    torch.manual_seed(0)
    train, validation = loaders()
    return {
        "model": SoilNet(),
        "factory": SoilNet,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": validation,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
