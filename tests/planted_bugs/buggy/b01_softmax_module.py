"""Handwritten digits (8x8) with a two-layer network and Adam."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 1
LINE = "nn.Softmax(dim=1),"
CAUSE = "softmax before cross-entropy"
CHECKS = ("output_scale", "overfit_one_batch")
VISIBLE = True


def load_data():
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.float32) / 16 - 0.305) / 0.376
    y = torch.tensor(digits.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(7))
    return TensorDataset(x[order[:1437]], y[order[:1437]]), TensorDataset(x[order[1437:]], y[order[1437:]])


def make_loaders():
    train, validation = load_data()
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(validation, batch_size=256)


def make_model():
    return nn.Sequential(
        nn.Linear(64, 96),
        nn.ReLU(),
        nn.Linear(96, 10),
        nn.Softmax(dim=1),
    )


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, batches):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.train()
    return right / total


def main():
    torch.manual_seed(0)
    train, validation = make_loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, validation):.3f}")


def build():
    torch.manual_seed(0)
    train, validation = make_loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": validation,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
