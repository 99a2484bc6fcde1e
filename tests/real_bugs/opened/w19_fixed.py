"""Pixel-wise land-cover classification of a simulated hyperspectral scene."""
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

BANDS, CLASSES, PATCH = 48, 7, 5


def simulate_scene(size=72, seed=0):
    rng = np.random.default_rng(seed)
    sites = rng.uniform(0, size, (28, 2))
    cover = rng.integers(0, CLASSES, 28)
    yy, xx = np.mgrid[:size, :size]
    gt = cover[((yy[..., None] - sites[:, 0]) ** 2 + (xx[..., None] - sites[:, 1]) ** 2).argmin(-1)]
    spectra = np.cumsum(rng.normal(0, 1, (CLASSES, BANDS)), 1)
    spectra = (spectra - spectra.mean(1, keepdims=True)) / spectra.std(1, keepdims=True)
    light = 1 + 0.5 * np.sin(xx / 11.0) * np.cos(yy / 17.0)
    img = spectra[gt] * light[..., None] + 1.3 * rng.standard_normal((size, size, BANDS))
    return img.astype(np.float32), gt


class HyperX(Dataset):
    def __init__(self, img, gt, positions):
        self.img, self.gt, self.pos = img, gt, positions

    def __len__(self):
        return len(self.pos)

    def __getitem__(self, i):
        y, x = self.pos[i]
        r = PATCH // 2
        patch = self.img[y - r:y + r + 1, x - r:x + r + 1].transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(patch)), int(self.gt[y, x])


class SpectralNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(BANDS, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
                                  nn.Conv2d(32, 48, 3), nn.BatchNorm2d(48), nn.ReLU())
        self.fc = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 48), nn.ReLU(),
                                nn.Dropout(0.5), nn.Linear(48, CLASSES))

    def forward(self, x):
        return self.fc(self.conv(x))


def val(net, data_loader):
    accuracy, total = 0.0, 0.0
    net.eval()
    with torch.no_grad():
        for data, target in data_loader:
            output = net(data)
            accuracy += (output.argmax(1) == target).sum().item()
            total += len(target)
    return accuracy / total


def train(net, optimizer, criterion, data_loader, epoch, val_loader, display_iter=50):
    losses = []
    for e in range(1, epoch + 1):
        net.train()
        for data, target in data_loader:
            optimizer.zero_grad()
            loss = criterion(net(data), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        val_acc = val(net, val_loader)
        print(f"Train (epoch {e}/{epoch})\tLoss: {np.mean(losses[-display_iter:]):.4f}\tval accuracy: {val_acc:.4f}")


def main():
    torch.manual_seed(9)
    rng = np.random.default_rng(9)
    img, gt = simulate_scene()
    border = PATCH // 2
    coords = [(y, x) for y in range(border, 72 - border) for x in range(border, 72 - border)]
    coords = [coords[i] for i in rng.permutation(len(coords))]
    train_loader = DataLoader(HyperX(img, gt, coords[:1000]), batch_size=64, shuffle=True)
    held = sorted(coords[1000:2200])
    val_loader = DataLoader(HyperX(img, gt, held), batch_size=16)
    net = SpectralNet()
    train(net, optim.Adam(net.parameters(), lr=1e-3), nn.CrossEntropyLoss(), train_loader, 15, val_loader)


main()
