"""Digits with a ConvNet; each split has its own preprocessing function."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

MEAN, STD = 0.305, 0.376


def preprocess_train(raw):
    return (torch.as_tensor(raw).float().unsqueeze(1) / 16 - MEAN) / STD


def preprocess_test(raw):
    return (torch.as_tensor(raw).float().unsqueeze(1) / 16 - MEAN) / STD


def raw_splits():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0)).numpy()
    train, test = order[:1437], order[1437:]
    return {
        "train_x": bunch.images[train],
        "train_y": bunch.target[train],
        "val_x": bunch.images[test],
        "val_y": bunch.target[test],
    }


def loaders(raw):
    train = TensorDataset(preprocess_train(raw["train_x"]), torch.tensor(raw["train_y"]))
    test = TensorDataset(preprocess_test(raw["val_x"]), torch.tensor(raw["val_y"]))
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=90)


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Conv2d(12, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(192, 10)
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
    train, test = loaders(raw_splits())
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    raw = raw_splits()
    train, test = loaders(raw)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
        "raw": raw,
        "preprocess_train": preprocess_train,
        "preprocess_eval": preprocess_test,
    }


if __name__ == "__main__":
    main()
