"""A small GAN on a curved two-dimensional distribution, both networks driven from one training function."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def banana(n, gen=None):
    a = torch.randn(n, generator=gen)
    b = torch.randn(n, generator=gen)
    return torch.stack([a, 0.6 * (a ** 2 - 1) + 0.35 * b], dim=1)


class Generator(nn.Module):
    def __init__(self, noise=4, width=64):
        super().__init__()
        self.noise = noise
        self.net = nn.Sequential(nn.Linear(noise, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, n):
        return self.net(torch.randn(n, self.noise))


class Discriminator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2),
                                 nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)


def energy_distance(x, y):
    return (2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()).item()


class Training:
    def __init__(self):
        self.g, self.d = Generator(), Discriminator()
        betas = (0.5, 0.99)
        self.optimizers = [torch.optim.Adam(self.g.parameters(), lr=1e-3, betas=betas),
                           torch.optim.Adam(self.d.parameters(), lr=1e-3, betas=betas)]

    def generator_loss(self, real):
        logits = self.d(self.g(len(real)))
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))

    def discriminator_loss(self, real):
        on_real, on_fake = self.d(real), self.d(self.g(len(real)).detach())
        return (F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
                + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake)))

    def training_step(self, real):
        losses = []
        for optimizer, loss_fn in zip(self.optimizers, (self.generator_loss, self.discriminator_loss)):
            loss = loss_fn(real)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses


def main():
    torch.manual_seed(390)
    data = banana(6000, torch.Generator().manual_seed(1))
    held_out = banana(1500, torch.Generator().manual_seed(2))
    training = Training()
    for epoch in range(24):
        training.g.train()
        training.d.train()
        sums = torch.zeros(2)
        for i in torch.randperm(len(data)).split(100):
            sums += torch.tensor(training.training_step(data[i]))
        if epoch % 3 == 2:
            training.g.eval()
            with torch.no_grad():
                fake = training.g(1500)
                gap = energy_distance(fake, held_out)
            print(f"epoch {epoch:2d} g {sums[0] / 60:.3f} d {sums[1] / 60:.3f} energy distance {gap:.4f} "
                  f"std {fake.std(0)[0]:.2f} {fake.std(0)[1]:.2f}")


if __name__ == "__main__":
    main()
