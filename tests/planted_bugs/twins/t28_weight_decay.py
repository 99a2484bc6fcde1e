"""Digits ConvNet with SGD, momentum and weight decay."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc(x.flatten(1))


def load():
    d = load_digits()
    order = np.random.default_rng(0).permutation(len(d.target))
    x = torch.tensor(d.images[order], dtype=torch.float32).unsqueeze(1).div(16).sub(0.305).div(0.376)
    y = torch.tensor(d.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)


def minibatches(x, y, size=64):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train_epoch(model, opt, batches):
    losses = []
    for x, y in batches:
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.no_grad()
def evaluate(model, batches):
    return float(np.mean(np.concatenate([(model(x).argmax(1) == y).numpy() for x, y in batches])))


def main():
    torch.manual_seed(0)
    train, test = load()
    model = Cnn()
    opt = optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, opt, minibatches(*train)):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": Cnn(),
        "factory": Cnn,
        "loss_fn": F.cross_entropy,
        "batches": minibatches(*train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
