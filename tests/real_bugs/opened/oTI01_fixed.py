"""A denoiser for one-dimensional signals; the rate falls along a cosine over the whole run."""
import math

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingLR


class Denoiser(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(33, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 32))

    def forward(self, x, t):
        return self.net(torch.cat([x, t[:, None]], 1))


def waves(n, generator):
    phase = 2 * math.pi * torch.rand(n, 1, generator=generator)
    return torch.sin(phase + torch.linspace(0, 6, 32))


class Trainer:
    def __init__(self, lr=2e-3, warmup_steps=30, cosine_decay_max_steps=400):
        self.unet = Denoiser()
        self.max_steps = cosine_decay_max_steps
        self.optimizer = torch.optim.Adam(self.unet.parameters(), lr=lr)
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=cosine_decay_max_steps)

    def fit(self, batch_size=64):
        g = torch.Generator().manual_seed(0)
        for step in range(self.max_steps):
            x = waves(batch_size, g)
            t = torch.rand(batch_size, generator=g)
            noise = torch.randn(batch_size, 32, generator=g)
            noisy = (1 - t[:, None]) * x + t[:, None] * noise
            loss = nn.functional.mse_loss(self.unet(noisy, t), noise)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            if step % 100 == 99:
                print(f"step {step + 1} loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(1)
    Trainer().fit()
