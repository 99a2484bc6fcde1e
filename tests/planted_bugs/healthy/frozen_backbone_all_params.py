"""Stripe angles: a ConvNet trunk learnt on clean pictures is kept fixed, a new head learns from noisy ones."""

import copy
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "a frozen, pretrained backbone whose parameters are in the optimiser with requires_grad False"


def stripes(n, seed, noise):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    angle, phase = y * math.pi / 4, 2 * math.pi * torch.rand(n, generator=g)
    r = torch.linspace(-1, 1, 12)
    u = r[None, None, :] * angle.cos()[:, None, None] + r[None, :, None] * angle.sin()[:, None, None]
    x = torch.sin(6 * u + phase[:, None, None]) + noise * torch.randn(n, 12, 12, generator=g)
    return DataLoader(TensorDataset(x[:, None] * 1.2, y), batch_size=32, shuffle=True)


class StripeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3)
        )
        self.head = nn.Linear(32 * 16, 4)

    def forward(self, x):
        return self.head(self.trunk(x).flatten(1))


loss_fn = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train_epoch(model, optimizer, loader):
    losses = []
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def pretrain():
    model = StripeNet()
    train_epoch(model, make_optimizer(model), stripes(640, 0, noise=0.2))
    return model.trunk


def with_new_head(trunk):
    model = StripeNet()
    model.trunk = copy.deepcopy(trunk)
    for p in model.trunk.parameters():
        p.requires_grad = False
    return model


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    model = with_new_head(pretrain())
    train, test = stripes(320, 1, noise=0.6), stripes(200, 2, noise=0.6)
    optimizer = make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    trunk = pretrain()
    return {
        "model": with_new_head(trunk),
        "factory": lambda: with_new_head(trunk),
        "loss_fn": loss_fn,
        "batches": stripes(320, 1, noise=0.6),
        "validation": stripes(200, 2, noise=0.6),
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
