"""Digits, MLP, Adam."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 24
LINE = 'parser.add_argument("--lr", type=float, default=0.3)'
CAUSE = "the learning rate is far too high"
CHECKS = ("update_ratio", "loss_decreases", "lr_verdict")
VISIBLE = True


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description="Train an MLP on digits")
    parser.add_argument("--lr", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=48)
    return parser.parse_args(argv)


class MLP(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def get_loaders(batch_size):
    d = load_digits()
    x = torch.tensor(d.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(d.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(12))
    train, val = order[:1437], order[1437:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size, shuffle=True),
        DataLoader(TensorDataset(x[val], y[val]), 360),
    )


def train_epoch(model, optimizer, loader):
    total = count = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    args = parse_args()
    torch.manual_seed(0)
    train, val = get_loaders(args.batch_size)
    model = MLP(args.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, val):.3f}")


def build():
    args = parse_args([])
    torch.manual_seed(0)
    train, val = get_loaders(args.batch_size)
    return {
        "model": MLP(args.hidden),
        "factory": lambda: MLP(args.hidden),
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": val,
        "num_classes": 10,
        "optimizer": lambda model: torch.optim.Adam(model.parameters(), lr=args.lr),
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
