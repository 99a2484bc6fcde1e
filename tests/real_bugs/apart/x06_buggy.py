"""Self-supervised pretraining (BYOL) of a tiny encoder on striped textures, then a linear probe."""
import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Textures(Dataset):
    """Eight kinds: four orientations times two spatial frequencies, random phase, contrast and clutter."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(8, (n,), generator=g)
        grid = torch.linspace(-1, 1, 20)
        yy, xx = torch.meshgrid(grid, grid, indexing='ij')
        angle = (self.labels % 4).float() * torch.pi / 4 + 0.15 * torch.randn(n, generator=g)
        freq = 5.0 + 5.0 * (self.labels // 4).float()
        phase = 6.28 * torch.rand(n, generator=g)
        wave = torch.sin(freq[:, None, None] * (torch.cos(angle)[:, None, None] * xx + torch.sin(angle)[:, None, None] * yy)
                         + phase[:, None, None])
        contrast = 0.4 + 0.6 * torch.rand(n, 1, 1, generator=g)
        self.images = (contrast * wave + 0.5 * torch.randn(n, 20, 20, generator=g)).unsqueeze(1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


def augment(x):
    top, left = torch.randint(0, 5, (2,)).tolist()
    x = x[:, :, top:top + 16, left:left + 16]
    gain = 0.6 + 0.8 * torch.rand(len(x), 1, 1, 1)
    return gain * x + 0.3 * torch.randn_like(x)


def mlp(i, o, hidden=128):
    return nn.Sequential(nn.Linear(i, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, o))


class BYOL(nn.Module):
    def __init__(self, encoder, dim, decay=0.98):
        super().__init__()
        self.online = nn.Sequential(encoder, mlp(dim, 32))
        self.predictor = mlp(32, 32)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.decay = decay

    def update_moving_average(self):
        with torch.no_grad():
            for t, o in zip(self.target.parameters(), self.online.parameters()):
                t.lerp_(o, 1 - self.decay)

    def forward(self, a, b):
        losses = []
        for x, y in ((a, b), (b, a)):
            p = F.normalize(self.predictor(self.online(x)), dim=-1)
            with torch.no_grad():
                z = F.normalize(self.target(y), dim=-1)
            losses.append(2 - 2 * (p * z).sum(-1))
        return torch.cat(losses).mean()


@dataclass
class BYOLTrainer:
    learner: BYOL
    dataset: Dataset
    batch_size: int = 128
    learning_rate: float = 2e-3

    def __post_init__(self):
        self.loader = DataLoader(self.dataset, batch_size=self.batch_size, shuffle=True, drop_last=True)
        params = [p for p in self.learner.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(params, lr=self.learning_rate)

    def run(self, epochs):
        for epoch in range(epochs):
            total = 0.0
            for images, _ in self.loader:
                loss = self.learner(augment(images), augment(images))
                loss.backward()
                self.optimizer.zero_grad()
                self.optimizer.step()
                self.learner.update_moving_average()
                total += loss.item()
            print(f'epoch {epoch + 1:2d}  byol loss {total / len(self.loader):.4f}')


def linear_probe(encoder, train, test):
    encoder.eval()
    with torch.no_grad():
        a = encoder(train.images[:, :, 2:18, 2:18])
        b = encoder(test.images[:, :, 2:18, 2:18])
    mean, std = a.mean(0), a.std(0) + 1e-6
    a, b = (a - mean) / std, (b - mean) / std
    head = nn.Linear(a.shape[1], 8)
    opt = torch.optim.Adam(head.parameters(), lr=1e-2, weight_decay=1e-4)
    for _ in range(150):
        opt.zero_grad()
        F.cross_entropy(head(a), train.labels).backward()
        opt.step()
    return (head(b).argmax(1) == test.labels).float().mean().item()


if __name__ == '__main__':
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    unlabelled, few, test = Textures(3000, 1), Textures(400, 2), Textures(1000, 3)
    trainer = BYOLTrainer(BYOL(encoder, 16), unlabelled)
    trainer.run(epochs=10)
    print(f'linear probe accuracy: {linear_probe(encoder, few, test):.3f}')
