"""Rings in the plane: plain SGD with a learning rate of 0.1."""

import torch
from torch import nn

TRAP = "SGD with lr 0.1"


def rings(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=g)
    angle = 6.2832 * torch.rand(n, generator=g)
    radius = 0.4 + 0.7 * y + 0.1 * torch.randn(n, generator=g)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), y


def make_model():
    return nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))


def batches(x, y, size=20):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def main():
    torch.manual_seed(0)
    train, test = rings(1000, 0), rings(300, 1)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(15):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": batches(*rings(1000, 0)),
        "validation": [rings(300, 1)],
        "num_classes": 3,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
