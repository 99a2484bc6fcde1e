"""Two interleaved half-moons, a binary classifier with a hand-written logistic loss."""

import torch
import torch.nn.functional as F
from torch import nn


def moons(n, generator):
    t = 3.1416 * torch.rand(n, generator=generator)
    y = (torch.rand(n, generator=generator) < 0.5).float()
    x = torch.stack([torch.cos(t) * (1 - 2 * y) + y, torch.sin(t) * (1 - 2 * y) + 0.5 * y], 1)
    x = x + 0.12 * torch.randn(n, 2, generator=generator)
    return (x - torch.tensor([0.5, 0.25])) / torch.tensor([0.87, 0.5]), y


class MoonNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def forward(self, x):
        return self.c(F.relu(self.b(F.relu(self.a(x))))).squeeze(1)


def logistic_loss(z, y):
    """-y log s(z) - (1 - y) log(1 - s(z)), without overflow."""
    return (F.softplus(z) - y * z).mean()


def accuracy(model, batches):
    with torch.no_grad():
        return torch.cat([(model(x).flatten() > 0).float() == y for x, y in batches]).float().mean().item()


def train_epoch(model, optimizer, batches):
    for x, y in batches:
        loss = logistic_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def nesterov(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)


def draw():
    g = torch.Generator().manual_seed(8)
    x, y = moons(800, g)
    return list(zip(x.split(32), y.split(32), strict=True)), [moons(300, g)]


def main():
    torch.manual_seed(8)
    train, test = draw()
    model = MoonNet()
    optimizer = nesterov(model)
    for epoch in range(15):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(8)
    train, test = draw()
    return {
        "model": MoonNet(),
        "factory": MoonNet,
        "loss_fn": logistic_loss,
        "batches": train,
        "validation": test,
        "optimizer": nesterov,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
