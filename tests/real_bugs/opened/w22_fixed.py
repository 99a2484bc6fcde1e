# Kidney / tumour slice segmentation on simulated CT intensities
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


def simulate_slice(rng, size=32):
    yy, xx = np.mgrid[:size, :size]
    hu = np.full((size, size), -80.0)
    body = ((yy - 16) / 15) ** 2 + ((xx - 16) / 14) ** 2 < 1
    hu[body] = 40
    mask = np.zeros((size, size), np.int64)
    cy, cx, r = rng.uniform(10, 22), rng.uniform(9, 23), rng.uniform(4, 6)
    kidney = (yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2
    tumor = (yy - cy - r / 2) ** 2 + (xx - cx) ** 2 < rng.uniform(1.5, 3) ** 2
    hu[kidney] = rng.uniform(140, 190)
    mask[kidney] = 1
    hu[tumor] = rng.uniform(70, 110)
    mask[tumor] = 2
    hu += rng.normal(0, 22, hu.shape)
    return np.clip(hu, -79, 304), mask


class VoxelDataset(Dataset):
    def __init__(self, cases, preprocess=None):
        self.cases = cases
        self.preprocess = preprocess

    def __len__(self):
        return len(self.cases)

    def __getitem__(self, i):
        x, y = self.cases[i]
        if self.preprocess is not None:
            x = self.preprocess(x)
        return torch.tensor(x, dtype=torch.float32)[None], torch.tensor(y)


def zscore(x, mean=38.0, std=62.0):
    return (x - mean) / std


class SegNet(nn.Module):
    def __init__(self, classes=3, w=12):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, w, 3, padding=1), nn.LeakyReLU(0.01),
                                 nn.Conv2d(w, w, 3, padding=1), nn.LeakyReLU(0.01))
        self.mid = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(w, 2 * w, 3, padding=1), nn.LeakyReLU(0.01),
                                 nn.Conv2d(2 * w, w, 3, padding=1), nn.LeakyReLU(0.01), nn.Upsample(scale_factor=2))
        self.out = nn.Conv2d(2 * w, classes, 3, padding=1)

    def forward(self, x):
        a = self.enc(x)
        return self.out(torch.cat([a, self.mid(a)], 1))


class Predictor:
    """Runs the network over whole cases and scores them."""

    def __init__(self, model, cases):
        self.model = model
        self.loader = DataLoader(VoxelDataset(cases, preprocess=zscore), batch_size=40)

    @torch.no_grad()
    def dice(self):
        self.model.eval()
        inter, size = np.zeros(3), np.zeros(3)
        for x, y in self.loader:
            pred = self.model(x).argmax(1)
            for c in range(3):
                inter[c] += ((pred == c) & (y == c)).sum().item()
                size[c] += (pred == c).sum().item() + (y == c).sum().item()
        return 2 * inter / np.maximum(size, 1)


def main():
    torch.manual_seed(19)
    rng = np.random.default_rng(19)
    train_cases = [simulate_slice(rng) for _ in range(320)]
    test_cases = [simulate_slice(rng) for _ in range(80)]
    loader = DataLoader(VoxelDataset(train_cases, preprocess=zscore), batch_size=16, shuffle=True)
    model = SegNet()
    predictor = Predictor(model, test_cases)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    weight = torch.tensor([0.3, 1.0, 2.0])
    for epoch in range(9):
        model.train()
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(model(x), y, weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        _, kidney, tumor = predictor.dice()
        print(f"epoch {epoch} loss {total / len(loader):.4f} kidney dice {kidney:.4f} tumor dice {tumor:.4f}")


main()
