"""A generative adversarial network for points on a circle; build() hands over the discriminator."""

import torch
import torch.nn.functional as F
from torch import nn

TRAP = "a GAN: two optimisers, detached fakes, losses that do not fall"
NOISE = 4


def circle(n):
    angle = 6.2832 * torch.rand(n)
    return 1.4 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def generator():
    return nn.Sequential(nn.Linear(NOISE, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))


def discriminator():
    return nn.Sequential(nn.Linear(2, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.5, 0.999))


def loss_fn(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y)


def mixed_batch(g, n=64):
    """Half real points (label 1), half generated ones (label 0), in random order."""
    with torch.no_grad():
        fake = g(torch.randn(n // 2, NOISE))
    x = torch.cat([circle(n // 2), fake])
    y = torch.cat([torch.ones(n // 2, 1), torch.zeros(n // 2, 1)])
    order = torch.randperm(n)
    return x[order], y[order]


def train_discriminator(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def train_generator(g, d, optimizer, n=64):
    optimizer.zero_grad()
    loss = loss_fn(d(g(torch.randn(n, NOISE))), torch.ones(n, 1))
    loss.backward()
    optimizer.step()
    return loss


def main():
    torch.manual_seed(0)
    g, d = generator(), discriminator()
    optimizer_g, optimizer_d = make_optimizer(g), make_optimizer(d)
    for epoch in range(8):
        for _ in range(40):
            loss_d = train_discriminator(d, optimizer_d, *mixed_batch(g))
            loss_g = train_generator(g, d, optimizer_g)
        print(f"epoch {epoch} loss {loss_d.item():.4f} generator loss {loss_g.item():.4f}")
    with torch.no_grad():
        radius = g(torch.randn(500, NOISE)).norm(dim=1)
    print(f"mean radius of generated points (1.4 is right) {radius.mean():.3f}")


def build():
    torch.manual_seed(0)
    g = generator()
    return {
        "model": discriminator(),
        "factory": discriminator,
        "loss_fn": loss_fn,
        "batches": [mixed_batch(g) for _ in range(8)],
        "optimizer": make_optimizer,
        "train_step": train_discriminator,
    }


if __name__ == "__main__":
    main()
