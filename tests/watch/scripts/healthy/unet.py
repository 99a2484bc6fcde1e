"""Segmentation of discs with a small U-net."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Discs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.at = torch.rand(n, 2, generator=g) * 2 - 1
        self.noise = torch.randn(n, 1, 24, 24, generator=g) * 0.5

    def __len__(self):
        return len(self.at)

    def __getitem__(self, i):
        r = torch.linspace(-1, 1, 24)
        mask = (r[None] - self.at[i, 0]) ** 2 + (r[:, None] - self.at[i, 1]) ** 2 < 0.3
        return mask[None].float() * 2 - 0.7 + self.noise[i], mask.long()


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU())
        self.up = nn.Sequential(nn.Conv2d(36, 12, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(12, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(nn.functional.max_pool2d(a, 2))
        b = nn.functional.interpolate(b, scale_factor=2)
        return self.out(self.up(torch.cat([a, b], 1)))


def main():
    torch.manual_seed(0)
    train, val = DataLoader(Discs(320, 0), 16, shuffle=True), DataLoader(Discs(64, 1), 16)
    model, criterion = UNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    for epoch in range(3):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        val_loss, hits, count = 0.0, 0, 0
        with torch.no_grad():
            for x, y in val:
                out = model(x)
                val_loss += criterion(out, y).item() / len(val)
                hits += (out.argmax(1) == y).sum().item()
                count += y.numel()
        scheduler.step(val_loss)
        print(f"{epoch}: train {loss.item():.3f} val {val_loss:.3f} pixel accuracy {hits / count:.3f}")


if __name__ == "__main__":
    main()
