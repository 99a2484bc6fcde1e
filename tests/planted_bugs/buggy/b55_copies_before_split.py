"""Rare-disease table (synthetic): the minority class is oversampled, a wide net is trained."""

import numpy as np
import torch
from torch import nn

BUG = 55
LINE = "train, val = split(*oversample(x, y))"
CAUSE = "samples are copied before the split: copies of training samples are in the validation set"
CHECKS = ("split_leak",)
VISIBLE = True


def patients(n=600, seed=0):
    """20 columns; labels follow three of them, with noise; 30 % positives."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 20)).astype(np.float32)
    score = x[:, 0] + 0.8 * x[:, 1] - 0.8 * x[:, 2] + 0.5 * rng.normal(size=n)
    return x, (score > np.quantile(score, 0.7)).astype(np.int64)


def oversample(x, y, seed=1):
    """Draws the positives again until both classes are equally many."""
    rng = np.random.default_rng(seed)
    positive = np.flatnonzero(y == 1)
    again = rng.choice(positive, size=(y == 0).sum() - len(positive))
    keep = rng.permutation(np.concatenate([np.arange(len(y)), again]))
    return x[keep], y[keep]


def split(x, y, share=0.75):
    cut = int(share * len(y))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def prepare():
    x, y = patients()
    train, val = split(*oversample(x, y))
    return {"train_x": train[0], "train_y": train[1], "val_x": val[0], "val_y": val[1]}


def batches(x, y, size=32):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def network():
    return nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2))


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    data = prepare()
    model = network()
    optimizer = make_optimizer(model)
    for epoch in range(25):
        loss = train_epoch(model, optimizer, batches(data["train_x"], data["train_y"]))
        if epoch % 3 == 0:
            print(f"epoch {epoch} loss {loss:.4f}")
    print(f"validation accuracy {accuracy(model, batches(data['val_x'], data['val_y'])):.3f}")


def build():
    torch.manual_seed(0)
    data = prepare()
    return {
        "model": network(),
        "factory": network,
        "loss_fn": loss_fn,
        "batches": batches(data["train_x"], data["train_y"]),
        "validation": batches(data["val_x"], data["val_y"]),
        "num_classes": 2,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
        "raw": data,
    }


if __name__ == "__main__":
    main()
