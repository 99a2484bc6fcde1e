"""2x super-resolution with a small residual generator and an adversarial term."""
import argparse
from math import log10

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


def textures(n, seed, size=32):
    rng = np.random.default_rng(seed)
    g = np.linspace(-1, 1, size)
    yy, xx = np.meshgrid(g, g, indexing='ij')
    out = np.zeros((n, 1, size, size), np.float32)
    for i in range(n):
        a, f, p = rng.uniform(0, np.pi), rng.uniform(6, 20), rng.uniform(0, 6.28)
        img = 0.5 + 0.25 * np.sin(f * (np.cos(a) * xx + np.sin(a) * yy) + p)
        for _ in range(3):
            cy, cx, w, h = rng.uniform(-.8, .8), rng.uniform(-.8, .8), rng.uniform(.1, .5), rng.uniform(.1, .5)
            img[(np.abs(yy - cy) < h) & (np.abs(xx - cx) < w)] = rng.uniform(0, 1)
        out[i, 0] = img
    return torch.from_numpy(out)


def make_pairs(n, seed):
    hr = textures(n, seed)
    return TensorDataset(F.avg_pool2d(hr, 2), hr)


class ResBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.PReLU(), nn.Conv2d(c, c, 3, padding=1))

    def forward(self, x):
        return x + self.body(x)


class Generator(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.head = nn.Conv2d(1, c, 3, padding=1)
        self.body = nn.Sequential(ResBlock(c), ResBlock(c))
        self.tail = nn.Sequential(nn.Conv2d(c, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x):
        return self.tail(self.body(self.head(x)))


class Discriminator(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, c, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, 2 * c, 3, 2, 1), nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * c, 1))

    def forward(self, x):
        return self.net(x)


def main(args):
    torch.manual_seed(args.seed)
    train_loader = DataLoader(make_pairs(960, 1), batch_size=24, shuffle=True)
    val_loader = DataLoader(make_pairs(200, 2), batch_size=50)
    netG, netD = Generator(), Discriminator()
    optimizerG = optim.Adam(netG.parameters(), lr=args.lr)
    optimizerD = optim.Adam(netD.parameters(), lr=args.lr)
    schedulerG = optim.lr_scheduler.StepLR(optimizerG, step_size=args.epochs // 2, gamma=0.1)
    schedulerD = optim.lr_scheduler.StepLR(optimizerD, step_size=args.epochs // 2, gamma=0.1)
    bce = nn.BCEWithLogitsLoss()

    for epoch in range(1, args.epochs + 1):
        netG.train()
        netD.train()
        sum_g = sum_d = 0.0
        for lr_img, hr_img in train_loader:
            sr_img = netG(lr_img)

            optimizerD.zero_grad()
            real, fake = netD(hr_img), netD(sr_img.detach())
            d_loss = 0.5 * (bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake)))
            d_loss.backward()
            optimizerD.step()

            optimizerG.zero_grad()
            pred = netD(sr_img)
            g_loss = F.l1_loss(sr_img, hr_img) + 1e-3 * bce(pred, torch.ones_like(pred))
            g_loss.backward()
            optimizerG.step()

            sum_g += g_loss.item()
            sum_d += d_loss.item()
            schedulerG.step()
            schedulerD.step()

        netG.eval()
        mse, plain = 0.0, 0.0
        with torch.no_grad():
            for lr_img, hr_img in val_loader:
                mse += F.mse_loss(netG(lr_img), hr_img).item() / len(val_loader)
                up = F.interpolate(lr_img, scale_factor=2, mode='bicubic')
                plain += F.mse_loss(up, hr_img).item() / len(val_loader)
        print(f'[{epoch}/{args.epochs}] Loss_D: {sum_d / len(train_loader):.4f} Loss_G: {sum_g / len(train_loader):.4f} '
              f'PSNR: {-10 * log10(mse):.2f} dB (bicubic {-10 * log10(plain):.2f} dB)')


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--epochs', type=int, default=8)
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--seed', type=int, default=0)
    main(p.parse_args())
