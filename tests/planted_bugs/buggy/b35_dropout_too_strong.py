"""Digits MLP with dropout after each hidden layer."""

import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 35
LINE = 'parser.add_argument("--dropout", type=float, default=0.9)'
CAUSE = "dropout of 0.9"
CHECKS = ("mode_toggles", "overfit_few")
VISIBLE = True


def parse(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--dropout", type=float, default=0.9)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--epochs", type=int, default=12)
    return parser.parse_args(argv)


def mlp(dropout):
    return nn.Sequential(
        nn.Linear(64, 96),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(96, 96),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(96, 10),
    )


def loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 32, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 360
    )


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    args = parse()
    torch.manual_seed(0)
    train, test = loaders()
    model = mlp(args.dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    args = parse([])
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": mlp(args.dropout),
        "factory": lambda: mlp(args.dropout),
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": lambda model: torch.optim.AdamW(model.parameters(), lr=args.lr),
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
