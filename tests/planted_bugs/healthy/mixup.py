"""Digits ConvNet trained with mixup."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TRAP = "mixup: inputs and labels are blends, the training loss stays high"


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = ((torch.tensor(bunch.images, dtype=torch.float32)[order] - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def mix(x, y, alpha=0.4):
    """Blends each sample with a random other one; y becomes a row of class probabilities."""
    share = torch.distributions.Beta(alpha, alpha).sample()
    partner = torch.randperm(len(x))
    target = F.one_hot(y, 10).float()
    return share * x + (1 - share) * x[partner], share * target + (1 - share) * target[partner]


def batches(x, y, size=48, blend=True):
    for i in torch.randperm(len(y)).split(size):
        yield mix(x[i], y[i]) if blend else (x[i], y[i])


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


loss_fn = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
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
    train, test = load()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": list(batches(*train)),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
        "augment": mix,
    }


if __name__ == "__main__":
    main()
