"""Small colour pictures from memory, normalised and flipped when they are read."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

MEAN, SD = [0.5, 0.45, 0.4], [0.25, 0.2, 0.3]


class Pictures(Dataset):
    def __init__(self, n, seed, train):
        rng = np.random.default_rng(seed)
        self._labels = rng.integers(0, 4, n)
        self._inputs = np.float32(rng.random((n, 3, 12, 12)))
        for k in range(4):  # a bright quadrant each
            rows, cols = slice(6 * (k // 2), 6 * (k // 2) + 6), slice(0, 12)
            self._inputs[self._labels == k, k % 3, rows, cols] += 0.35
        self._train = train

    def __len__(self):
        return len(self._labels)

    def _transform(self, im):
        for c in range(3):
            im[c] -= MEAN[c]
            im[c] /= SD[c]
        if self._train and np.random.rand() < 0.5:
            im = im[:, :, ::-1].copy()
        return im

    def __getitem__(self, index):
        return self._transform(self._inputs[index].copy()), int(self._labels[index])


def main():
    torch.manual_seed(0)
    np.random.seed(0)
    train = DataLoader(Pictures(640, 0, True), 64, shuffle=True)
    test = DataLoader(Pictures(200, 1, False), 100)
    model = nn.Sequential(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1200, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(4):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in test)
        print(f"epoch {epoch} loss {loss.item():.3f} test {right / 200:.3f}")


if __name__ == "__main__":
    main()
