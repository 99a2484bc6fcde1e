"""Residual network for a table with 4 interleaved classes; depth is a parameter."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

BUG = 19
LINE = "self.blocks = [Residual(width) for _ in range(depth)]"
CAUSE = "layers kept in a Python list are not registered"
CHECKS = ("optimizer_covers_model", "gradients_flow")
VISIBLE = True


def table(n, seed):
    """8 standard normal columns; the class is the sign pattern of two products."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 8, generator=g)
    y = (x[:, 0] * x[:, 1] > 0).long() * 2 + (x[:, 2] * x[:, 3] > 0).long()
    return x, y


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x):
        return torch.relu(x + self.inner(x))


class DeepTable(nn.Module):
    def __init__(self, depth=3, width=24):
        super().__init__()
        self.inlet = nn.Linear(8, width)
        self.blocks = [Residual(width) for _ in range(depth)]
        self.outlet = nn.Linear(width, 4)

    def forward(self, x):
        x = torch.relu(self.inlet(x))
        for block in self.blocks:
            x = block(x)
        return self.outlet(x)


def get_batches(x, y, size=64):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def optimizer_for(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


@torch.no_grad()
def accuracy(model, batches):
    return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = table(4000, 0), table(500, 1)
    model = DeepTable()
    optimizer = optimizer_for(model)
    for epoch in range(12):
        losses = [step(model, optimizer, x, y).item() for x, y in get_batches(*train)]
        print(f"epoch {epoch}  loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {accuracy(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": DeepTable(),
        "factory": DeepTable,
        "loss_fn": cross_entropy,
        "batches": get_batches(*table(4000, 0)),
        "validation": [table(500, 1)],
        "num_classes": 4,
        "optimizer": optimizer_for,
        "train_step": step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
