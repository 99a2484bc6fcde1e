"""Categorical VAE (Gumbel-softmax) on small binary glyphs.

usage: python categorical_vae.py
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim

SIDE = 14
LATENTS, CATEGORIES = 12, 6
EPOCHS = 25


def make_glyphs(n, rng):
    """Ring, cross, bar or corner with random place, size and a few flipped pixels."""
    yy, xx = np.mgrid[:SIDE, :SIDE]
    images = np.zeros((n, SIDE, SIDE), dtype=np.float32)
    for i in range(n):
        cy, cx = rng.uniform(4.5, 8.5, size=2)
        r = rng.uniform(2.5, 4.5)
        kind = rng.integers(4)
        dy, dx = yy - cy, xx - cx
        if kind == 0:
            m = np.abs(np.hypot(dy, dx) - r) < 0.9
        elif kind == 1:
            m = ((np.abs(dy) < 0.9) & (np.abs(dx) < r)) | ((np.abs(dx) < 0.9) & (np.abs(dy) < r))
        elif kind == 2:
            m = (np.abs(dy) < r) & (np.abs(dx) < 1.2)
        else:
            m = ((np.abs(dy - r / 2) < 0.9) & (np.abs(dx) < r)) | ((np.abs(dx - r / 2) < 0.9) & (np.abs(dy) < r))
        images[i] = m
    flips = rng.random(images.shape) < 0.01
    return torch.from_numpy(np.where(flips, 1 - images, images)).reshape(n, -1)


def sample_gumbel(shape, eps=1e-20):
    return -torch.log(-torch.log(torch.rand(shape) + eps) + eps)


def gumbel_softmax(logits, tau):
    y = F.softmax((logits + sample_gumbel(logits.shape)) / tau, dim=-1)
    return y.flatten(1)


class CategoricalVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(SIDE * SIDE, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                                 nn.Linear(128, LATENTS * CATEGORIES))
        self.dec = nn.Sequential(nn.Linear(LATENTS * CATEGORIES, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(),
                                 nn.Linear(256, SIDE * SIDE))

    def forward(self, x, tau):
        q = self.enc(x).view(-1, LATENTS, CATEGORIES)
        z = gumbel_softmax(q, tau)
        return self.dec(z), F.softmax(q, dim=-1)


def loss_function(recon, x, qy):
    bce = F.binary_cross_entropy_with_logits(recon, x, reduction='sum') / x.shape[0]
    log_ratio = torch.log(qy * CATEGORIES + 1e-20)
    kld = -torch.sum(qy * log_ratio, dim=-1).sum(-1).mean()
    return bce + kld, bce, kld


def main():
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    train, val = make_glyphs(4000, rng), make_glyphs(800, rng)
    model = CategoricalVAE()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    tau, step = 1.0, 0
    for epoch in range(1, EPOCHS + 1):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(train)).split(100):
            x = train[idx]
            recon, qy = model(x, tau)
            loss, _, _ = loss_function(recon, x, qy)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            step += 1
            if step % 100 == 0:
                tau = max(0.5, tau * math.exp(-0.0005 * step))
        model.eval()
        with torch.no_grad():
            recon, qy = model(val, tau)
            v, bce, kld = loss_function(recon, val, qy)
        print(f'epoch {epoch:2d}  train {total / len(train):8.3f}  val {v:8.3f}  (bce {bce:.3f}, kld {kld:.3f}, tau {tau:.2f})')

    # images drawn from the prior: how near is the closest real glyph?
    with torch.no_grad():
        codes = F.one_hot(torch.randint(CATEGORIES, (500, LATENTS)), CATEGORIES).float().flatten(1)
        drawn = torch.sigmoid(model.dec(codes))
        gap = torch.cdist(drawn, train).min(dim=1).values
    print(f'distance of drawn glyphs to their nearest training glyph: {gap.mean():.3f}')


if __name__ == '__main__':
    main()
