"""House prices from eight columns (synthetic), a two-layer regression."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def houses(n=1200, seed=0):
    """Standardised columns; the price has a linear part, one interaction and noise, and is standardised, too."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    price = x @ rng.normal(size=8) + 1.5 * x[:, 0] * x[:, 1] + 0.3 * rng.normal(size=n)
    price = (price - price.mean()) / price.std()
    return torch.tensor(x, dtype=torch.float32), torch.tensor(price, dtype=torch.float32)


def make_model():
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def mean_squared_error(prediction, target):
    return ((prediction.squeeze(1) - target) ** 2).mean()


def loaders():
    x, y = houses()
    train, test = TensorDataset(x[:1000], y[:1000]), TensorDataset(x[1000:], y[1000:])
    return DataLoader(train, batch_size=40, shuffle=True), DataLoader(test, batch_size=200)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = mean_squared_error(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def r2(model, batches):
    p = torch.cat([model(x).squeeze(1) for x, _ in batches])
    y = torch.cat([y for _, y in batches])
    return (1 - ((p - y) ** 2).mean() / y.var(unbiased=False)).item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {np.mean(losses):.4f}")
    print(f"r2 {r2(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": mean_squared_error,
        "batches": train,
        "validation": test,
        "optimizer": make_optimizer,
        "train_step": train_step,
    }


if __name__ == "__main__":
    main()
