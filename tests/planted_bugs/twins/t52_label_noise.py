"""Digits labelled by seven annotators who err now and then."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def annotate(truth, annotators=7, error=0.25, seed=0):
    """votes (n, annotators): each vote is, with probability `error`, a random other class."""
    rng = np.random.default_rng(seed)
    votes = np.repeat(truth[:, None], annotators, 1)
    wrong = rng.random(votes.shape) < error
    return np.where(wrong, (votes + rng.integers(1, 10, size=votes.shape)) % 10, votes)


def decide(votes):
    return np.array([np.bincount(row, minlength=10).argmax() for row in votes])


def load():
    bunch = load_digits()
    order = np.random.default_rng(1).permutation(len(bunch.target))
    x = ((bunch.data[order] - 4.884) / 6.017).astype(np.float32)
    y = bunch.target[order]
    train_y = decide(annotate(y[:1437]))
    return (torch.tensor(x[:1437]), torch.tensor(train_y)), (torch.tensor(x[1437:]), torch.tensor(y[1437:]))


def loaders():
    train, test = load()
    return DataLoader(TensorDataset(*train), batch_size=32, shuffle=True), DataLoader(TensorDataset(*test), 360)


def make_model():
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in loader])


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(20):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        if epoch % 2 == 1:
            print(f"epoch {epoch} loss {np.mean(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
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
