"""Sunspot-like series: does the next value go up or down? A transformer-free baseline with an LSTM."""

import math

import torch
from torch import nn

BUG = 37
LINE = "self.lstm = nn.LSTM(1, hidden)"
CAUSE = "an LSTM without batch_first runs over the samples instead of the steps"
CHECKS = ("batch_independence",)
VISIBLE = True

WINDOW = 12


def windows(n, seed):
    """x (n, WINDOW, 1): a noisy wave of random period; y: whether the next value is higher than the last."""
    g = torch.Generator().manual_seed(seed)
    period = 9 + 6 * torch.rand(n, 1, generator=g)
    phase = 2 * math.pi * torch.rand(n, 1, generator=g)
    t = torch.arange(WINDOW + 1.0)[None]
    wave = 1.4 * torch.sin(2 * math.pi * t / period + phase)
    y = (wave[:, -1] > wave[:, -2]).long()
    x = wave[:, :-1] + 0.1 * torch.randn(n, WINDOW, generator=g)
    return x.unsqueeze(2), y


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.head(output[:, -1])


def batches(x, y, size=40):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss


def accuracy(model, loader):
    with torch.no_grad():
        return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def optimizer_for(model):
    return torch.optim.RMSprop(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = windows(1000, 0), windows(400, 1)
    model = Forecaster()
    optimizer = optimizer_for(model)
    for epoch in range(10):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {accuracy(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Forecaster(),
        "factory": Forecaster,
        "loss_fn": criterion,
        "batches": batches(*windows(1000, 0)),
        "validation": batches(*windows(400, 1)),
        "num_classes": 2,
        "optimizer": optimizer_for,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
