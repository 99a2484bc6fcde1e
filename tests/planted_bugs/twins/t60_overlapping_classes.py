"""Digits with labels typed by hand in two offices; class indices are made from the names."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def typed_labels(target, seed=0):
    """One office writes `seven`, `eight` and `nine` with a capital letter."""
    rng = np.random.default_rng(seed)
    names = NAMES[target]
    capital = (rng.random(len(names)) < 0.5) & (target >= 7)
    return np.where(capital, np.char.capitalize(names), names)


def to_index(names):
    _, y = np.unique(np.char.lower(names), return_inverse=True)
    return torch.from_numpy(y)


def load():
    bunch = load_digits()
    x = torch.tensor((bunch.data - 4.884) / 6.017, dtype=torch.float32)
    y = to_index(typed_labels(bunch.target))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return TensorDataset(x[order[:1437]], y[order[:1437]]), TensorDataset(x[order[1437:]], y[order[1437:]])


def make_model():
    classes = int(load()[0].tensors[1].max()) + 1
    return nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, classes))


def loaders():
    train, test = load()
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=120)


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": make_model()[-1].out_features,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
