"""Digits with Monte-Carlo dropout: predictions are the mean of 20 passes with dropout on."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TRAP = "dropout is on in evaluation on purpose (Monte-Carlo dropout)"


class MCDropout(nn.Dropout):
    """Drops in evaluation, too."""

    def forward(self, x):
        return F.dropout(x, self.p, training=True)


def make_model():
    return nn.Sequential(
        nn.Linear(64, 128),
        nn.ReLU(),
        MCDropout(0.25),
        nn.Linear(128, 64),
        nn.ReLU(),
        MCDropout(0.25),
        nn.Linear(64, 10),
    )


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = ((torch.tensor(bunch.data) - 4.884) / 6.017).float()[order]
    y = torch.tensor(bunch.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def batches(x, y, size=48):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def predict(model, x, passes=20):
    """Mean class probabilities, and their spread between the passes."""
    model.eval()
    p = torch.stack([model(x).softmax(1) for _ in range(passes)])
    return p.mean(0), p.std(0).mean()


def evaluate(model, loader):
    return torch.cat([predict(model, x)[0].argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"spread {predict(model, test[0])[1]:.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": batches(*train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
