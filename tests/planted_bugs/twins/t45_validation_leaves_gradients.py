"""Regression of a wavy surface; the validation pass also reports the size of the gradient."""

import torch
from torch import nn


def surface(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = 3.4 * torch.rand(n, 2, generator=g) - 1.7
    y = torch.sin(2 * x[:, :1]) * torch.cos(1.5 * x[:, 1:]) * 1.8 + 0.05 * torch.randn(n, 1, generator=g)
    return x, y


def network():
    return nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


loss_fn = nn.MSELoss()


def train_step(model, optimizer, x, y):
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss


def validate(model, batches):
    """Mean loss and gradient norm over the validation batches."""
    losses = []
    for x, y in batches:
        loss = loss_fn(model(x), y)
        loss.backward()
        losses.append(loss.item())
    norm = sum((p.grad**2).sum() for p in model.parameters()) ** 0.5 / len(losses)
    model.zero_grad()
    return sum(losses) / len(losses), float(norm)


def batches_of(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def optimizer_of(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, val = surface(800, 0), surface(600, 1)
    model = network()
    optimizer = optimizer_of(model)
    for epoch in range(20):
        loss = sum(train_step(model, optimizer, x, y).item() for x, y in batches_of(*train)) / 25
        val_loss, norm = validate(model, batches_of(*val))
        print(f"epoch {epoch} loss {loss:.4f} val {val_loss:.4f} gradient {norm:.3f}")
    print(f"r2 {1 - val_loss / val[1].var().item():.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": network(),
        "factory": network,
        "loss_fn": loss_fn,
        "batches": batches_of(*surface(800, 0)),
        "validation": batches_of(*surface(600, 1)),
        "optimizer": optimizer_of,
        "train_step": train_step,
        "evaluate": validate,
    }


if __name__ == "__main__":
    main()
