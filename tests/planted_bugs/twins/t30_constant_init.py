"""Digits, two hidden layers, with an init function applied to the whole network."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def create():
    model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 40), nn.ReLU())
    model.apply(init_weights)
    return model.append(nn.Linear(40, 10))


def loaders(batch_size=32):
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) / 16 - 0.305) / 0.376
    y = torch.tensor(bunch.target)
    train, test = torch.utils.data.random_split(
        TensorDataset(x, y), [1437, 360], generator=torch.Generator().manual_seed(0)
    )
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


def train_epoch(model, optimizer, batches):
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.no_grad()
def evaluate(model, batches):
    hits = [model(x).argmax(1) == y for x, y in batches]
    return torch.cat(hits).float().mean().item()


def optimizer_for(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = create()
    optimizer = optimizer_for(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": create(),
        "factory": create,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": optimizer_for,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
