"""Imbalanced digits (few eights and nines); a WeightedRandomSampler draws the classes equally often."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

TRAP = "a WeightedRandomSampler repeats rare samples in an epoch and leaves others out"


def load():
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    x = ((bunch.data[order] - 4.884) / 6.017).astype(np.float32)
    y = bunch.target[order]
    rare = np.isin(y[:1400], (8, 9)) & (np.arange(1400) % 5 != 0)
    keep = np.flatnonzero(~rare)
    train = TensorDataset(torch.from_numpy(x[keep]), torch.from_numpy(y[keep]))
    return train, TensorDataset(torch.from_numpy(x[1400:]), torch.from_numpy(y[1400:]))


def loaders():
    train, test = load()
    y = train.tensors[1]
    sampler = WeightedRandomSampler(1.0 / y.bincount()[y], num_samples=len(y), replacement=True)
    return DataLoader(train, batch_size=40, sampler=sampler), DataLoader(test, batch_size=397)


def make_model():
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
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
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {np.mean(losses):.4f}")
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
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
