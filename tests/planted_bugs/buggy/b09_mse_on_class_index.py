"""Digits: which of the ten figures is it?"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 9
LINE = "self.out = nn.Linear(hidden, 1)"
CAUSE = "squared error on class indices instead of cross-entropy"
CHECKS = ("loss_at_init",)
VISIBLE = True


class Classifier(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.hidden = nn.Linear(64, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x)))


def loss_fn(output, y):
    return F.mse_loss(output.squeeze(1), y.float())


def predict(output):
    return output.squeeze(1).round().clamp(0, 9).long()


def make_loaders(batch_size=32):
    bunch = load_digits()
    x = (torch.tensor(bunch.data).float() - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size),
    )


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def train_epoch(model, optimizer, batches):
    total = count = 0
    for x, y in batches:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, count = total + loss.item(), count + 1
    return total / count


@torch.no_grad()
def accuracy(model, batches):
    hits = [(predict(model(x)) == y).float() for x, y in batches]
    return torch.cat(hits).mean().item()


def main():
    torch.manual_seed(0)
    train, test = make_loaders()
    model = Classifier()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = make_loaders()
    return {
        "model": Classifier(),
        "factory": Classifier,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
