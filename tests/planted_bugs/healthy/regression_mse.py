"""Regression of a smooth function of four variables with standardised target."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "a regression: no classes, outputs of one column"


def table(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.7, 1.7, size=(n, 4))
    y = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.3 * x[:, 3] ** 2 + 0.05 * rng.normal(size=n)
    y = (y - 0.29) / 0.95
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1))


def make_model():
    return nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))


loss_fn = nn.MSELoss()


def loaders():
    return DataLoader(table(1000, 0), batch_size=40, shuffle=True), DataLoader(table(300, 1), batch_size=300)


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
def r2(model, loader):
    x, y = next(iter(loader))
    return 1 - loss_fn(model(x), y).item() / y.var().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(15):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"r2 {r2(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
