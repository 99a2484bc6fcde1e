"""CNN for coarse shape recognition on generated 20x20 images."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="shape recognition")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--lr", type=float, default=3e-2)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--log_interval", type=int, default=20)


def draw(kind, rng):
    img = np.zeros((20, 20), dtype=np.float32)
    cy, cx, r = rng.integers(7, 13), rng.integers(7, 13), rng.integers(3, 6)
    yy, xx = np.mgrid[:20, :20]
    if kind == 0:
        img[(yy - cy) ** 2 + (xx - cx) ** 2 <= r * r] = 1
    elif kind == 1:
        img[cy - r:cy + r, cx - r:cx + r] = 1
    else:
        img[cy - 1:cy + 2, cx - r:cx + r + 1] = 1
        img[cy - r:cy + r + 1, cx - 1:cx + 2] = 1
    return (img - 0.2 + 0.3 * rng.normal(size=img.shape).astype(np.float32)) / 0.5


def dataset(n, rng):
    y = rng.integers(0, 3, n)
    x = np.stack([draw(k, rng) for k in y])[:, None]
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.fc1 = nn.Linear(16 * 3 * 3, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(x)


def main():
    args = parser.parse_args()
    torch.manual_seed(13)
    rng = np.random.default_rng(13)
    train_loader = DataLoader(dataset(1200, rng), args.batch_size, shuffle=True)
    test_loader = DataLoader(dataset(300, rng), 100)
    model = CNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for step, (x, y) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if step % args.log_interval == 0:
                print(f"epoch {epoch} step {step:3d} loss {loss.item():.4f}")
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in test_loader])
        print(f"epoch {epoch} test accuracy {acc:.3f}")


if __name__ == "__main__":
    main()
