"""Clusters in a table of 20 columns; gradients of 16 small batches are accumulated per step."""

import torch
from torch import nn
from torch.nn import functional as F

CLASSES, COLUMNS, EVERY = 8, 20, 16


def make_data(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, COLUMNS, generator=torch.Generator().manual_seed(77))
    y = torch.randint(CLASSES, (n,), generator=g)
    return (centres[y] + torch.randn(n, COLUMNS, generator=g)) / 1.4, y


def model_fn():
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.GELU(), nn.Linear(64, CLASSES))


def epoch_of(x, y, size=10):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train(model, optimizer, batches):
    history = []
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches, start=1):
        loss = F.cross_entropy(model(x), y) / EVERY
        loss.backward()
        if i % EVERY == 0 or i == len(batches):
            optimizer.step()
            optimizer.zero_grad()
        history.append(loss.item() * EVERY)
    return sum(history) / len(history)


def test(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def optimizer_fn(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    training, held_out = make_data(300, 0), make_data(500, 1)
    model = model_fn()
    optimizer = optimizer_fn(model)
    for epoch in range(40):
        loss = train(model, optimizer, epoch_of(*training))
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} loss {loss:.4f}")
    print(f"accuracy {test(model, *held_out):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": model_fn(),
        "factory": model_fn,
        "loss_fn": F.cross_entropy,
        "batches": epoch_of(*make_data(300, 0)),
        "validation": [make_data(500, 1)],
        "num_classes": CLASSES,
        "optimizer": optimizer_fn,
        "train_epoch": train,
    }


if __name__ == "__main__":
    main()
