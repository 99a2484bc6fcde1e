"""Few noisy stripe pictures (5 angles) with random brightness, contrast and noise as augmentation."""

import math

import torch
from torch import nn


def stripes(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(5, (n,), generator=g)
    angle, phase = y * math.pi / 5, 6.28 * torch.rand(n, generator=g)
    r = torch.linspace(-1, 1, 14)
    u = r[None, None, :] * angle.cos()[:, None, None] + r[None, :, None] * angle.sin()[:, None, None]
    x = torch.sin(6 * u + phase[:, None, None]) + 0.7 * torch.randn(n, 14, 14, generator=g)
    return x[:, None], y


class Augment:
    """Random contrast, brightness and noise, from a generator of its own."""

    def __init__(self, seed=0):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, x, y):
        size = (len(x), 1, 1, 1)
        contrast = 0.7 + 0.6 * torch.rand(size, generator=self.generator)
        brightness = 0.4 * torch.randn(size, generator=self.generator)
        noise = 0.5 * torch.randn(x.shape, generator=self.generator)
        return x * contrast + brightness + noise, y


def epoch_batches(x, y, augment, size=20):
    return [augment(x[i], y[i]) for i in torch.arange(len(y)).split(size)]


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 49, 5),
    )


loss_fn = nn.CrossEntropyLoss()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


@torch.no_grad()
def accuracy(model, x, y):
    return (model(x).argmax(1) == y).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = stripes(240, 0), stripes(300, 1)
    model = make_model()
    optimizer = make_optimizer(model)
    augment = Augment()
    for epoch in range(15):
        losses = [step(model, optimizer, x, y).item() for x, y in epoch_batches(*train, augment)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {accuracy(model, *test):.3f}")


def build():
    torch.manual_seed(0)
    train, augment = stripes(240, 0), Augment()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": epoch_batches(*train, augment),
        "validation": [stripes(300, 1)],
        "num_classes": 5,
        "optimizer": make_optimizer,
        "train_step": step,
        "augment": augment,
    }


if __name__ == "__main__":
    main()
