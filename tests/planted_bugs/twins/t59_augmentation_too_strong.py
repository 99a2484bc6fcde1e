"""Digits with random erasing (a grey square at a random place)."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

ERASED = 2


def erase(x, y):
    """x (n, 1, 8, 8): a square of ERASED pixels becomes ground, at another place in each picture."""
    n, side = len(x), x.shape[-1]
    top, left = torch.randint(side - ERASED + 1, (2, n, 1, 1))
    r = torch.arange(side)
    rows = (r[None, :, None] >= top) & (r[None, :, None] < top + ERASED)
    columns = (r[None, None, :] >= left) & (r[None, None, :] < left + ERASED)
    return torch.where((rows & columns).unsqueeze(1), torch.full_like(x, -0.81), x), y


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[order].unsqueeze(1)
    y = torch.tensor(bunch.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def batches(x, y, size=48):
    return [erase(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.CrossEntropyLoss()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(7):
        losses = [step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": batches(*train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": step,
        "evaluate": evaluate,
        "augment": erase,
        "raw": {"train_x": train[0], "train_y": train[1], "val_x": test[0], "val_y": test[1]},
    }


if __name__ == "__main__":
    main()
