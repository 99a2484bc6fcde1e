"""Digits classifier that returns log-probabilities for the negative log-likelihood loss."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Net(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def get_data():
    digits = load_digits()
    x = torch.from_numpy(digits.data).float()
    x = (x - 4.88) / 6.02
    y = torch.from_numpy(digits.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    x, y = x[order], y[order]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make_batches(x, y, batch_size):
    order = torch.randperm(len(x))
    return [(x[i], y[i]) for i in order.split(batch_size)]


def train(model, optimizer, batches):
    model.train()
    total = 0.0
    for data, target in batches:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def test(model, batches):
    model.eval()
    correct = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in batches)
    return correct / sum(len(y) for _, y in batches)


def parse(argv=None):
    parser = argparse.ArgumentParser(description="digits")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main():
    args = parse()
    torch.manual_seed(args.seed)
    training, testing = get_data()
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        loss = train(model, optimizer, make_batches(*training, args.batch_size))
        print(f"Train epoch {epoch} loss {loss:.4f}")
    print(f"Test accuracy {test(model, [testing]):.3f}")


def build():
    args = parse([])
    torch.manual_seed(args.seed)
    training, testing = get_data()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.nll_loss,
        "batches": make_batches(*training, args.batch_size),
        "validation": [testing],
        "num_classes": 10,
        "optimizer": lambda model: torch.optim.Adam(model.parameters(), lr=args.lr),
        "train_epoch": train,
        "evaluate": test,
    }


if __name__ == "__main__":
    main()
