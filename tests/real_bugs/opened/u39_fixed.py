"""Unconditional diffusion on 2-D points: trains a noise predictor and draws samples after each epoch."""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class TrainingConfig:
    num_epochs: int = 8
    train_batch_size: int = 64
    eval_batch_size: int = 300
    learning_rate: float = 2e-3
    timesteps: int = 50
    seed: int = 0


config = TrainingConfig()
betas = torch.linspace(1e-3, 0.15, config.timesteps)
alpha_bar = torch.cumprod(1 - betas, dim=0)


class NoisePredictor(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.time = nn.Embedding(config.timesteps, 16)
        self.net = nn.Sequential(nn.Linear(18, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t)], dim=1))


def moons(n, g):
    a = 3.1416 * torch.rand(n, generator=g)
    up = (torch.rand(n, generator=g) < 0.5).float()
    x = torch.cos(a) * (2 * up - 1) + 0.5 * (1 - up)
    y = torch.sin(a) * (2 * up - 1) + 0.25 * (1 - up)
    pts = torch.stack([x, y], 1) + 0.06 * torch.randn(n, 2, generator=g)
    return (pts - pts.mean(0)) / pts.std(0)


@torch.no_grad()
def sample(model, n, generator):
    model.eval()
    x = torch.randn(n, 2, generator=generator)
    for t in reversed(range(config.timesteps)):
        eps = model(x, torch.full((n,), t))
        x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - betas[t]).sqrt()
        if t:
            x = x + betas[t].sqrt() * torch.randn(n, 2, generator=generator)
    return x


def evaluate(model, reference):
    pts = sample(model, config.eval_batch_size, generator=torch.Generator().manual_seed(config.seed))
    return torch.cdist(pts, reference).min(dim=1).values.mean().item()


def train_loop():
    torch.manual_seed(config.seed)
    data = moons(2000, torch.Generator().manual_seed(5))
    loader = DataLoader(TensorDataset(data), batch_size=config.train_batch_size, shuffle=True)
    model = NoisePredictor()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    for epoch in range(config.num_epochs):
        model.train()
        total = 0.0
        for (clean,) in loader:
            noise = torch.randn_like(clean)
            t = torch.randint(0, config.timesteps, (len(clean),))
            ab = alpha_bar[t].unsqueeze(1)
            pred = model(ab.sqrt() * clean + (1 - ab).sqrt() * noise, t)
            loss = F.mse_loss(pred, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(loader):.4f} distance of samples {evaluate(model, data):.4f}")


train_loop()
