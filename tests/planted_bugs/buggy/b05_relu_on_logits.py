"""Digits with a network built from a list of widths."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

BUG = 5
LINE = "return nn.Sequential(*layers)"
CAUSE = "ReLU as the last layer: the outputs are never negative"
CHECKS = ("output_scale", "output_init")
VISIBLE = True


def mlp(widths):
    layers = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers)


def make_model():
    return mlp([64, 64, 32, 10])


def dataset():
    data = load_digits()
    pixels = torch.tensor(data.data, dtype=torch.float32).div(16).sub(0.3).div(0.38)
    full = TensorDataset(pixels, torch.tensor(data.target))
    return random_split(full, [1500, 297], generator=torch.Generator().manual_seed(0))


class Trainer:
    """Owns the loaders; model and optimiser are passed in."""

    def __init__(self, batch_size=64):
        train, validation = dataset()
        self.train_loader = DataLoader(train, batch_size, shuffle=True, drop_last=True)
        self.validation_loader = DataLoader(validation, batch_size)

    @staticmethod
    def optimizer(model):
        return torch.optim.Adam(model.parameters(), lr=2e-3)

    @staticmethod
    def step(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    @staticmethod
    @torch.no_grad()
    def evaluate(model, batches):
        model.eval()
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in batches)
        model.train()
        return right / sum(len(y) for _, y in batches)

    def fit(self, model, epochs):
        optimizer = self.optimizer(model)
        for epoch in range(epochs):
            total = 0.0
            for x, y in self.train_loader:
                total += self.step(model, optimizer, x, y).item()
            print(f"[{epoch + 1}/{epochs}] loss {total / len(self.train_loader):.4f}")


def main():
    torch.manual_seed(5)
    trainer = Trainer()
    model = make_model()
    trainer.fit(model, 10)
    print(f"accuracy {trainer.evaluate(model, trainer.validation_loader):.3f}")


def build():
    torch.manual_seed(5)
    trainer = Trainer()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": trainer.train_loader,
        "validation": trainer.validation_loader,
        "num_classes": 10,
        "optimizer": Trainer.optimizer,
        "train_step": Trainer.step,
        "evaluate": Trainer.evaluate,
    }


if __name__ == "__main__":
    main()
