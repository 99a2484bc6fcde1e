"""Segments discs in noisy pictures: an encoder, and a decoder that mirrors it."""
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def stage(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())


class MirrorNet(nn.Module):
    def __init__(self, channels=12, depth=2):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        encoder = [stage(channels) for _ in range(depth)]
        decoder = copy.deepcopy(encoder)
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder[::-1])
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, x):
        x = self.stem(x)
        small = self.encoder(F.max_pool2d(x, 2))
        return self.head(self.decoder(F.interpolate(small, scale_factor=2.0, mode="nearest")) + x)


def discs(count, generator):
    centre = 4 + 8 * torch.rand(count, 2, 1, 1, generator=generator)
    radius = 2 + 3 * torch.rand(count, 1, 1, generator=generator)
    axis = torch.arange(16.0)
    inside = (axis[None, :, None] - centre[:, 0])**2 + (axis[None, None] - centre[:, 1])**2 < radius**2
    noisy = inside.float() - 0.3 + 0.4 * torch.randn(count, 16, 16, generator=generator)
    return TensorDataset(noisy[:, None], inside.long())


def main():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(2)
    train, test = discs(480, g), discs(120, g)
    model = MirrorNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(4):
        model.train()
        for x, y in DataLoader(train, 24, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            x, y = test.tensors
            hit = ((model(x).argmax(1) == 1) & (y == 1)).sum() / ((model(x).argmax(1) == 1) | (y == 1)).sum()
            print(f"epoch {epoch} overlap {hit.item():.3f}")


if __name__ == "__main__":
    main()
