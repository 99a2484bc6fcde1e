"""Autoencoder for smooth 1d signals (encoder 40 -> 3, decoder 3 -> 40)."""

import torch
from torch import nn

POINTS = 40


def signals(n, seed):
    """Sums of three fixed waves with random strengths, unit variance, a little noise."""
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 1, POINTS)
    waves = torch.stack([torch.sin(6.28 * k * t + k) for k in (1, 2, 3)])
    strength = torch.randn(n, 3, generator=g)
    return (strength @ waves + 0.05 * torch.randn(n, POINTS, generator=g)) / 1.2


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(POINTS, 32), nn.Tanh(), nn.Linear(32, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, POINTS))

    def encode(self, x):
        return self.encoder(x)

    def forward(self, x):
        return self.decoder(self.encode(x))


loss_fn = nn.MSELoss()


def pairs(x, size=32):
    return [(b, b) for b in x[torch.randperm(len(x))].split(size)]


def train_epoch(model, optimizer, batches):
    total = 0.0
    for x, target in batches:
        loss = loss_fn(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def explained(model, x):
    with torch.no_grad():
        return 1 - ((model(x) - x) ** 2).mean().item() / x.var().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = signals(1024, 0), signals(256, 1)
    model = AutoEncoder()
    optimizer = make_optimizer(model)
    for epoch in range(20):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, pairs(train)):.4f}")
    print(f"r2 {explained(model, test):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": AutoEncoder(),
        "factory": AutoEncoder,
        "loss_fn": loss_fn,
        "batches": pairs(signals(1024, 0)),
        "validation": pairs(signals(256, 1)),
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
