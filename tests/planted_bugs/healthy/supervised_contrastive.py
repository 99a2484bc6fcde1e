"""Supervised contrastive learning on clusters: the loss compares the samples of a batch with each other."""

import torch
import torch.nn.functional as F
from torch import nn

TRAP = "the loss couples the samples of a batch on purpose; the outputs are unit vectors, not logits"
TEMPERATURE = 0.2


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.2 * torch.randn(5, 12, generator=torch.Generator().manual_seed(5000))
    y = torch.randint(5, (n,), generator=g)
    return (centres[y] + torch.randn(n, 12, generator=g)) / 1.5, y


class Embedder(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, width))

    def forward(self, x):
        return F.normalize(self.layers(x), dim=1)


def contrastive_loss(z, y):
    """For each sample: the share of its own class in the softmax over the similarities to all others."""
    similarity = z @ z.t() / TEMPERATURE
    myself = torch.eye(len(y), dtype=torch.bool)
    log_p = similarity.masked_fill(myself, -1e9).log_softmax(1)
    same = (y[:, None] == y[None, :]) & ~myself
    return -((log_p * same).sum(1) / same.sum(1).clamp(min=1)).mean()


def batches(x, y, size=50):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = contrastive_loss(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def nearest_centre_accuracy(model, train, test):
    z, y = model(train[0]), train[1]
    centres = torch.stack([z[y == k].mean(0) for k in range(5)])
    return (torch.cdist(model(test[0]), centres).argmin(1) == test[1]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = clusters(1000, 0), clusters(300, 1)
    model = Embedder()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {nearest_centre_accuracy(model, train, test):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Embedder(),
        "factory": Embedder,
        "loss_fn": contrastive_loss,
        "batches": batches(*clusters(1000, 0)),
        "validation": batches(*clusters(300, 1)),
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
