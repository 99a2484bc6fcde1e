"""Conditional GAN that maps a room descriptor to a decay curve, with an L1 and an adversarial loss."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 24


def rooms(n, seed):
    g = torch.Generator().manual_seed(seed)
    room = torch.rand(n, 3, generator=g) * 2 - 1
    t = torch.linspace(0, 1, STEPS)
    env = torch.exp(-(2.5 + 1.5 * room[:, :1]) * t)
    curve = env * torch.cos(25 * t + 6.283 * torch.rand(n, 1, generator=g))
    return TensorDataset(room, curve)


class Generator(nn.Module):
    def __init__(self, z=8):
        super().__init__()
        self.z = z
        self.net = nn.Sequential(nn.Linear(3 + z, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, STEPS))

    def forward(self, room):
        return torch.tanh(self.net(torch.cat([room, torch.randn(len(room), self.z)], 1)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3 + STEPS, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
                                 nn.Linear(64, 1))

    def forward(self, room, curve):
        return self.net(torch.cat([room, curve], 1)).squeeze(1)


class GANTrainer:
    def __init__(self, lr=1e-3, l1_weight=0.3):
        self.g, self.d = Generator(), Discriminator()
        self.opt_g = torch.optim.Adam(self.g.parameters(), lr=lr, betas=(0.5, 0.999))
        self.opt_d = torch.optim.Adam(self.d.parameters(), lr=lr, betas=(0.5, 0.999))
        self.mse, self.l1, self.w = nn.MSELoss(), nn.L1Loss(), l1_weight

    def d_step(self, room, real):
        with torch.no_grad():
            fake = self.g(room)
        pr, pf = self.d(room, real), self.d(room, fake)
        loss = 0.5 * (self.mse(pr, torch.ones_like(pr)) + self.mse(pf, torch.zeros_like(pf)))
        self.opt_d.zero_grad()
        loss.backward()
        self.opt_d.step()
        return loss.item()

    def g_step(self, room, real):
        fake = self.g(room)
        pf = self.d(room, fake.detach())
        adv = self.mse(pf, torch.ones_like(pf))
        rec = self.l1(fake, real)
        loss = adv + self.w * rec
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        return adv.item(), rec.item()


if __name__ == "__main__":
    torch.manual_seed(170)
    loader = DataLoader(rooms(2000, 1), batch_size=50, shuffle=True, drop_last=True)
    trainer = GANTrainer()
    val_room, val_curve = rooms(500, 2).tensors
    for epoch in range(15):
        for room, real in loader:
            d_loss = trainer.d_step(room, real)
            adv, rec = trainer.g_step(room, real)
        with torch.no_grad():
            fake = trainer.g(val_room)
        print(f"epoch {epoch:2d} D {d_loss:.4f} G adv {adv:.4f} L1 {rec:.4f} "
              f"energy fake {fake.pow(2).mean().item():.4f} real {val_curve.pow(2).mean().item():.4f}")
