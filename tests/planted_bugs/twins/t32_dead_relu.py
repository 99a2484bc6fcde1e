"""Clusters of flowers (synthetic table, 6 measurements, 5 kinds) with a two-layer network."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def flowers(n=1200, seed=5):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 6)) * 1.5
    y = rng.integers(5, size=n)
    x = centres[y] + rng.normal(size=(n, 6))
    x = (x - x.mean(0)) / x.std(0)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    return TensorDataset(x[:900], y[:900]), TensorDataset(x[900:], y[900:])


class FlowerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(6, 64)
        self.hidden2 = nn.Linear(64, 32)
        self.out = nn.Linear(32, 5)
        nn.init.constant_(self.hidden1.bias, 0.02)

    def forward(self, x):
        x = torch.relu(self.hidden1(x))
        x = torch.relu(self.hidden2(x))
        return self.out(x)


def loaders():
    train, test = flowers()
    return DataLoader(train, batch_size=30, shuffle=True), DataLoader(test, batch_size=300)


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.no_grad()
def accuracy(model, loader):
    return np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in loader])


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = FlowerNet()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": FlowerNet(),
        "factory": FlowerNet,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 5,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
