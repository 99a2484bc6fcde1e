"""Digits with LayerNorm and Adam, in the manner of a config-driven project."""

from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 29
LINE = "eps: float = 10.0"
CAUSE = "Adam's eps is so large that the steps shrink to nothing"
CHECKS = ("update_ratio", "loss_decreases")
VISIBLE = True


@dataclass
class Config:
    width: int = 64
    lr: float = 1e-3
    eps: float = 10.0
    batch_size: int = 32
    epochs: int = 8


CFG = Config()


def build_model():
    w = CFG.width
    return nn.Sequential(
        nn.Linear(64, w), nn.LayerNorm(w), nn.ReLU(), nn.Linear(w, w), nn.LayerNorm(w), nn.ReLU(), nn.Linear(w, 10)
    )


def build_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=CFG.lr, eps=CFG.eps)


def build_loaders():
    bunch = load_digits()
    x = torch.tensor((bunch.data - 4.884) / 6.017, dtype=torch.float32)
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(42))
    train = TensorDataset(x[order[:1437]], y[order[:1437]])
    test = TensorDataset(x[order[1437:]], y[order[1437:]])
    return DataLoader(train, CFG.batch_size, shuffle=True), DataLoader(test, 360)


loss_fn = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(42)
    train, test = build_loaders()
    model = build_model()
    optimizer = build_optimizer(model)
    for epoch in range(CFG.epochs):
        mean = sum(train_step(model, optimizer, x, y).item() for x, y in train) / len(train)
        print(f"epoch {epoch} loss {mean:.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(42)
    train, test = build_loaders()
    return {
        "model": build_model(),
        "factory": build_model,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": build_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
