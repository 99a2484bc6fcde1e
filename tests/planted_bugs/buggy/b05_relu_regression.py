"""Regression of a smooth function of five variables (Friedman's) with standardised targets."""

import math

import torch
from torch import nn

BUG = 5
LINE = "return torch.relu(self.output(x))"
CAUSE = "ReLU as the last layer of a regression with negative targets"
CHECKS = ("output_scale", "overfit_one_batch")
VISIBLE = True


def friedman(n, generator):
    x = torch.rand(n, 5, generator=generator)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = y + torch.randn(n, generator=generator)
    return (x - 0.5) / 0.289, ((y - 14.4) / 4.9).unsqueeze(1)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(5, 64)
        self.hidden2 = nn.Linear(64, 64)
        self.output = nn.Linear(64, 1)

    def forward(self, x):
        x = torch.relu(self.hidden1(x))
        x = torch.relu(self.hidden2(x))
        return torch.relu(self.output(x))


def data():
    g = torch.Generator().manual_seed(2)
    return friedman(1000, g), friedman(300, g)


def minibatches(x, y, size=50):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


mse = nn.MSELoss()


def train_epoch(model, optimizer, batches):
    for x, y in batches:
        optimizer.zero_grad()
        mse(model(x), y).backward()
        optimizer.step()


@torch.no_grad()
def r_squared(model, batches):
    p = torch.cat([model(x) for x, _ in batches])
    y = torch.cat([y for _, y in batches])
    return 1 - ((p - y) ** 2).sum().item() / ((y - y.mean()) ** 2).sum().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, validation = data()
    model = Regressor()
    optimizer = make_optimizer(model)
    for epoch in range(15):
        train_epoch(model, optimizer, minibatches(*train))
        with torch.no_grad():
            print(f"epoch {epoch} loss {mse(model(train[0]), train[1]).item():.4f}")
    print(f"r2 {r_squared(model, [validation]):.3f}")


def build():
    torch.manual_seed(0)
    train, validation = data()
    return {
        "model": Regressor(),
        "factory": Regressor,
        "loss_fn": mse,
        "batches": minibatches(*train),
        "validation": [validation],
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
