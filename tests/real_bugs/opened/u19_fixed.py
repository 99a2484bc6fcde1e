"""Colour-texture classification with separate training and validation transform pipelines."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, x):
        for s in self.steps:
            x = s(x)
        return x


class ToFloat:
    def __call__(self, img):
        return torch.from_numpy(img).permute(2, 0, 1).float() / 255.0


class Normalize:
    def __init__(self, mean, std):
        self.mean = torch.tensor(mean).view(3, 1, 1)
        self.std = torch.tensor(std).view(3, 1, 1)

    def __call__(self, x):
        return (x - self.mean) / self.std


class RandomFlip:
    def __call__(self, x):
        return x.flip(-1) if torch.rand(()) < 0.5 else x


class Textures(Dataset):
    def __init__(self, n, transform, seed):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 3, n)
        base = np.array([[96, 84, 72], [84, 96, 72], [72, 84, 96]])[self.y]
        img = base[:, None, None, :] + rng.normal(0, 26, (n, 12, 12, 3))
        self.img = np.clip(img, 0, 255).astype(np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.transform(self.img[i]), int(self.y[i])


mean, std = (0.33, 0.345, 0.315), (0.108, 0.108, 0.108)
train_tf = Compose(ToFloat(), RandomFlip(), Normalize(mean, std))
val_tf = Compose(ToFloat(), Normalize(mean, std))

torch.manual_seed(19)
train_loader = DataLoader(Textures(1200, train_tf, 0), batch_size=48, shuffle=True)
val_loader = DataLoader(Textures(300, val_tf, 1), batch_size=100)

net = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Linear(96, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(1, 7):
    net.train()
    tr = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        tr += loss.item()
    net.eval()
    vl, hits = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            out = net(x)
            vl += criterion(out, y).item()
            hits += (out.argmax(1) == y).sum().item()
    print(f"{epoch}: train loss {tr / len(train_loader):.4f} val loss {vl / len(val_loader):.4f} val acc {hits / 300:.3f}")
