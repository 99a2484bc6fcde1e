"""Segmentation of discs and squares: one of three classes for each pixel of a 16x16 picture."""

import torch
from torch import nn

TRAP = "outputs of shape (N, 3, 16, 16), pixel classes in very unequal shares"


def scenes(n, seed):
    g = torch.Generator().manual_seed(seed)
    r = torch.arange(16.0)

    def offsets():
        centre = 3 + 10 * torch.rand(n, 2, generator=g)
        return r[None, :, None] - centre[:, 0, None, None], r[None, None, :] - centre[:, 1, None, None]

    y = torch.zeros(n, 16, 16, dtype=torch.long)
    dy, dx = offsets()
    y[dy**2 + dx**2 < 10] = 1
    dy, dx = offsets()
    y[(dy.abs() < 2.5) & (dx.abs() < 2.5)] = 2
    x = torch.tensor([0.0, 1.0, -1.0])[y] + 0.5 * torch.randn(n, 16, 16, generator=g)
    return (x / 0.7).unsqueeze(1), y


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1)
    )


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
    return torch.cat([(model(x).argmax(1) == y).flatten() for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = scenes(300, 0), scenes(100, 1)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"pixel accuracy {evaluate(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": batches(*scenes(300, 0)),
        "validation": batches(*scenes(100, 1)),
        "num_classes": 3,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
