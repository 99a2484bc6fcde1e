"""Digits with a multi-class hinge loss (a linear-margin classifier on a hidden layer)."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "a hinge loss: starts near 9/10 and reaches exact zero with zero gradients"


def loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    train, test = torch.utils.data.random_split(
        TensorDataset(x, y), [1437, 360], generator=torch.Generator().manual_seed(1)
    )
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=120)


class MarginNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.scores = nn.Linear(64, 96), nn.Linear(96, 10)

    def forward(self, x):
        return self.scores(torch.relu(self.hidden(x)))


criterion = nn.MultiMarginLoss()


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
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = MarginNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": MarginNet(),
        "factory": MarginNet,
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
