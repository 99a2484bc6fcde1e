"""Digits with random shifts and noise, drawn with NumPy in two loader workers."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

BUG = 57
LINE = "dy, dx = self.rng.integers(-1, 2, size=2)"
CAUSE = "every worker and every epoch starts from the same state of the augmentation's generator"
CHECKS = ("augmentation_keeps_label",)
VISIBLE = False


class ShiftedDigits(Dataset):
    """Each figure is shifted by up to one pixel and gets some noise."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        dy, dx = self.rng.integers(-1, 2, size=2)
        image = np.roll(self.images[i], (dy, dx), axis=(0, 1)) + self.rng.normal(0, 1.0, size=(8, 8))
        return torch.tensor((image - 4.884) / 6.017, dtype=torch.float32).unsqueeze(0), self.labels[i]


def load():
    bunch = load_digits()
    order = np.random.default_rng(1).permutation(len(bunch.target))[:600]
    x, y = bunch.images[order], bunch.target[order]
    validation = torch.tensor((x[400:] - 4.884) / 6.017, dtype=torch.float32).unsqueeze(1)
    return ShiftedDigits(x[:400], y[:400]), [(validation, torch.tensor(y[400:]))]


def train_loader(dataset):
    return DataLoader(dataset, batch_size=25, shuffle=True, num_workers=2)


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


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
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    dataset, validation = load()
    loader = train_loader(dataset)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(4):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, loader):.4f}")
    print(f"accuracy {evaluate(model, validation):.3f}")


def build():
    torch.manual_seed(0)
    dataset, validation = load()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": train_loader(dataset),
        "validation": validation,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
