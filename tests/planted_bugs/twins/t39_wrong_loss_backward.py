"""Robust regression with a hand-written Huber loss (autograd function) on a table with outliers in the target."""

import torch
from torch import nn

DELTA = 1.0


class HuberFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        error = prediction - target
        ctx.save_for_backward(error)
        small = error.abs() <= DELTA
        return torch.where(small, 0.5 * error**2, DELTA * (error.abs() - 0.5 * DELTA)).mean()

    @staticmethod
    def backward(ctx, grad):
        (error,) = ctx.saved_tensors
        return grad * error.clamp(-DELTA, DELTA) / error.numel(), None


def huber(prediction, target):
    return HuberFunction.apply(prediction, target)


def table(n, seed, outliers=0.05):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=g)
    y = 0.7 * x[:, 0] - 0.5 * x[:, 1] * x[:, 2] + 0.4 * torch.sin(2 * x[:, 3]) + 0.1 * torch.randn(n, generator=g)
    wild = torch.rand(n, generator=g) < outliers
    y = torch.where(wild, y + 3 * torch.randn(n, generator=g), y)
    return x, y.unsqueeze(1)


def regressor():
    return nn.Sequential(nn.Linear(6, 48), nn.Softplus(), nn.Linear(48, 48), nn.Softplus(), nn.Linear(48, 1))


def batches(x, y, size=40):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = huber(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


@torch.no_grad()
def r2(model, x, y):
    return 1 - ((model(x) - y) ** 2).mean().item() / y.var().item()


def main():
    torch.manual_seed(0)
    train, test = table(1600, 0), table(400, 1, outliers=0.0)
    model = regressor()
    optimizer = make_optimizer(model)
    for epoch in range(25):
        loss = train_epoch(model, optimizer, batches(*train))
        print(f"epoch {epoch} loss {loss:.4f}")
    print(f"r2 {r2(model, *test):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": regressor(),
        "factory": regressor,
        "loss_fn": huber,
        "batches": batches(*table(1600, 0)),
        "validation": [table(400, 1, outliers=0.0)],
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
