"""Segmentation of off-centre ellipses with random flips and shifts as augmentation."""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class RandomFlipShift:
    def __init__(self, max_shift=3):
        self.max_shift = max_shift

    def draw(self):
        return random.random() < 0.5, random.random() < 0.5, random.randint(-self.max_shift, self.max_shift)

    def apply(self, x, params):
        h, v, s = params
        if h:
            x = x.flip(-1)
        if v:
            x = x.flip(-2)
        return torch.roll(x, s, dims=-1)


class Ellipses(Dataset):
    def __init__(self, n, seed, augment=None):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
        cy, cx = (4 + 8 * torch.rand(2, n, 1, 1, generator=g))
        ry, rx = (2 + 3 * torch.rand(2, n, 1, 1, generator=g))
        self.masks = ((((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2) < 1).float()
        self.images = self.masks - 0.2 + 0.5 * torch.randn(n, 20, 20, generator=g)
        self.augment = augment

    def __len__(self):
        return len(self.masks)

    def __getitem__(self, i):
        image, mask = self.images[i][None], self.masks[i][None]
        if self.augment is not None:
            params = self.augment.draw()
            image = self.augment.apply(image, params)
            mask = self.augment.apply(mask, params)
        return image, mask


def unet_like():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
    )


def main():
    random.seed(230)
    torch.manual_seed(230)
    train_loader = DataLoader(Ellipses(800, 1, RandomFlipShift()), batch_size=32, shuffle=True)
    val_loader = DataLoader(Ellipses(160, 2), batch_size=80)
    net = unet_like()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(8):
        net.train()
        total = 0.0
        for x, m in train_loader:
            loss = F.binary_cross_entropy_with_logits(net(x), m)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        net.eval()
        inter = union = 0
        with torch.no_grad():
            for x, m in val_loader:
                p = net(x) > 0
                inter += (p & m.bool()).sum().item()
                union += (p | m.bool()).sum().item()
        print(f"epoch {epoch}: train bce {total / len(train_loader):.4f} val IoU {inter / max(union, 1):.3f}")


if __name__ == "__main__":
    main()
