"""Digits network with a second branch for unlabelled data that this run does not use."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "parameters that the path in use does not touch have no gradient"


class TwoBranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU())
        self.classifier = nn.Linear(96, 10)
        self.decoder = nn.Sequential(nn.Linear(96, 64))

    def reconstruct(self, x):
        return self.decoder(self.encoder(x))

    def forward(self, x):
        return self.classifier(self.encoder(x))


def loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(3))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 64, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 64
    )


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
    model = TwoBranch()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        mean = sum(train_step(model, optimizer, x, y).item() for x, y in train) / len(train)
        print(f"epoch {epoch} loss {mean:.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": TwoBranch(),
        "factory": TwoBranch,
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
