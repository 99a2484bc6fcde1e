"""Digits with a BatchNorm MLP; test figures come in the order of their folders."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 42
LINE = "correct += (model(x).argmax(1) == y).sum().item()"
CAUSE = "the model is evaluated in training mode: BatchNorm uses and learns from test batches"
CHECKS = ("mode_toggles",)
VISIBLE = True


def mlp():
    return nn.Sequential(
        nn.Linear(64, 96, bias=False),
        nn.BatchNorm1d(96),
        nn.ReLU(),
        nn.Linear(96, 96, bias=False),
        nn.BatchNorm1d(96),
        nn.ReLU(),
        nn.Linear(96, 10),
    )


def loaders():
    bunch = load_digits()
    x = ((bunch.data - 4.884) / 6.017).astype(np.float32)
    order = np.random.default_rng(2).permutation(len(x))
    train, test = order[:1437], order[1437:]
    test = test[np.argsort(bunch.target[test], kind="stable")]
    x, y = torch.from_numpy(x), torch.from_numpy(bunch.target)
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size=64, shuffle=True, drop_last=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size=36),
    )


class Experiment:
    def __init__(self):
        self.train_loader, self.test_loader = loaders()
        self.loss_fn = nn.CrossEntropyLoss()

    @staticmethod
    def make_optimizer(model):
        return torch.optim.AdamW(model.parameters(), lr=3e-3)

    def train_epoch(self, model, optimizer, batches):
        model.train()
        total = 0.0
        for x, y in batches:
            loss = self.loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(batches)

    @torch.no_grad()
    def evaluate(self, model, batches):
        correct = count = 0
        for x, y in batches:
            correct += (model(x).argmax(1) == y).sum().item()
            count += len(y)
        return correct / count


def main():
    torch.manual_seed(0)
    experiment, model = Experiment(), mlp()
    optimizer = experiment.make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {experiment.train_epoch(model, optimizer, experiment.train_loader):.4f}")
    print(f"accuracy {experiment.evaluate(model, experiment.test_loader):.3f}")


def build():
    torch.manual_seed(0)
    experiment = Experiment()
    return {
        "model": mlp(),
        "factory": mlp,
        "loss_fn": experiment.loss_fn,
        "batches": experiment.train_loader,
        "validation": experiment.test_loader,
        "num_classes": 10,
        "optimizer": experiment.make_optimizer,
        "train_epoch": experiment.train_epoch,
        "evaluate": experiment.evaluate,
    }


if __name__ == "__main__":
    main()
