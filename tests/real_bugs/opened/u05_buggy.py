"""Small convolutional network that tells horizontal, vertical and diagonal stripes apart."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    epochs: int = 6
    batch_size: int = 64
    lr: float = 0.02
    momentum: float = 0.9
    size: int = 16
    n_train: int = 1200
    n_test: int = 300


class Stripes(Dataset):
    def __init__(self, n, size, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 3, (n,), generator=g)
        grid = torch.arange(size).float()
        yy, xx = torch.meshgrid(grid, grid, indexing="ij")
        axes = torch.stack([yy, xx, (xx + yy) / 2 ** 0.5])[self.labels]
        phase = 6.28 * torch.rand(n, 1, 1, generator=g)
        self.images = torch.sin(axes * 1.3 + phase) + 1.8 * torch.randn(n, size, size, generator=g)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i].unsqueeze(0), self.labels[i]


class StripeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(16 * 4 * 4, 3)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(x.flatten(1))


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(0)
        self.net = StripeNet()
        self.loss_fn = nn.CrossEntropyLoss()
        self.opt = torch.optim.SGD(self.net.parameters(), lr=cfg.lr, momentum=cfg.momentum)
        self.train_loader = DataLoader(Stripes(cfg.n_train, cfg.size, 1), cfg.batch_size, shuffle=True)
        self.test_loader = DataLoader(Stripes(cfg.n_test, cfg.size, 2), cfg.batch_size)

    def train_step(self, images, labels):
        loss = self.loss_fn(self.net(images), labels)
        loss.backward()
        self.opt.zero_grad()
        self.opt.step()
        return loss.item()

    @torch.no_grad()
    def accuracy(self):
        self.net.eval()
        hits = sum((self.net(x).argmax(1) == y).sum().item() for x, y in self.test_loader)
        return hits / len(self.test_loader.dataset)

    def fit(self):
        for epoch in range(self.cfg.epochs):
            self.net.train()
            losses = [self.train_step(x, y) for x, y in self.train_loader]
            print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} acc {self.accuracy():.3f}")


Trainer(Config()).fit()
