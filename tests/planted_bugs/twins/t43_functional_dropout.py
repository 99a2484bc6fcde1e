"""Digits LeNet with functional dropout before the last layer."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.fc1 = nn.Linear(20 * 4, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.dropout(x, p=0.5, training=self.training)
        return self.fc2(x)


def load():
    d = load_digits()
    order = torch.randperm(len(d.target), generator=torch.Generator().manual_seed(4))
    x = (torch.tensor(d.images, dtype=torch.float32)[order].unsqueeze(1) - 4.884) / 6.017
    y = torch.tensor(d.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def minibatches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, batches):
    model.train()
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = LeNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch}: loss {train_epoch(model, optimizer, minibatches(*train)):.4f}")
    print(f"accuracy: {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": LeNet(),
        "factory": LeNet,
        "loss_fn": F.cross_entropy,
        "batches": minibatches(*train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
