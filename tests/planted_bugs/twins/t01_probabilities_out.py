"""A small ConvNet tells the direction of noisy stripes (8 angles), trained with SGD and momentum."""

import math

import torch
import torch.nn.functional as F
from torch import nn

ANGLES = 8
SIZE = 16


def stripes(n, generator):
    """n grey images of stripes with random phase and noise, and the index of their angle."""
    y = torch.randint(ANGLES, (n,), generator=generator)
    angle = y * math.pi / ANGLES
    phase = 2 * math.pi * torch.rand(n, generator=generator)
    r = torch.linspace(-1, 1, SIZE)
    u = r[None, None, :] * angle.cos()[:, None, None] + r[None, :, None] * angle.sin()[:, None, None]
    x = torch.sin(7 * u + phase[:, None, None]) + 0.5 * torch.randn(n, SIZE, SIZE, generator=generator)
    return x.unsqueeze(1), y


class StripeNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 5, padding=2)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.out = nn.Linear(2 * width, ANGLES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        x = x.mean((2, 3))
        return self.out(x)


class Experiment:
    def __init__(self, seed=0):
        torch.manual_seed(seed)
        g = torch.Generator().manual_seed(seed)
        self.train_x, self.train_y = stripes(768, g)
        self.test_x, self.test_y = stripes(256, g)

    def batches(self, size=32):
        order = torch.randperm(len(self.train_y))
        return [(self.train_x[i], self.train_y[i]) for i in order.split(size)]

    def fit(self, model, epochs=10):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for epoch in range(epochs):
            total = 0.0
            for x, y in self.batches():
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(y)
            print(f"epoch {epoch}: loss {total / len(self.train_y):.4f}")

    @torch.no_grad()
    def accuracy(self, model):
        return (model(self.test_x).argmax(1) == self.test_y).float().mean().item()


def main():
    experiment = Experiment()
    model = StripeNet()
    experiment.fit(model)
    print(f"accuracy {experiment.accuracy(model):.3f}")


def build():
    experiment = Experiment()
    return {
        "model": StripeNet(),
        "factory": StripeNet,
        "loss_fn": F.cross_entropy,
        "batches": experiment.batches(),
        "validation": [(experiment.test_x, experiment.test_y)],
        "num_classes": ANGLES,
        "optimizer": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    }


if __name__ == "__main__":
    main()
