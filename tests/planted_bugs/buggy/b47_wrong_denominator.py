"""Digits, softmax regression with one hidden layer."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 47
LINE = "return correct / (len(loader) * loader.batch_size)"
CAUSE = "the hits are divided by batches x batch size although the last batch is not full"
CHECKS = ("loop_equals_vectorised",)
VISIBLE = True


def arguments(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args(argv)


def digits(batch_size):
    data = load_digits()
    x = (torch.tensor(data.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(data.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1500], order[1500:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size=batch_size, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size=batch_size),
    )


def network():
    return nn.Sequential(nn.Linear(64, 48), nn.Sigmoid(), nn.Linear(48, 10))


def train_epoch(model, optimizer, loader):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / (len(loader) * loader.batch_size)


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=3e-3)


def main():
    args = arguments()
    torch.manual_seed(0)
    train, test = digits(args.batch_size)
    model = network()
    optimizer = make_optimizer(model)
    for epoch in range(args.epochs):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    args = arguments([])
    torch.manual_seed(0)
    train, test = digits(args.batch_size)
    return {
        "model": network(),
        "factory": network,
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
