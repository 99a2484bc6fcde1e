"""Counts the dots (one to four) on generated domino-like pictures."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Dominoes(Dataset):
    def __init__(self, n, seed, transform):
        rng = np.random.default_rng(seed)
        self.targets = rng.integers(1, 5, n)
        self.images = np.full((n, 18, 18, 1), 40, dtype=np.uint8)
        for img, k in zip(self.images, self.targets):
            cells = rng.choice(9, size=k, replace=False)
            for c in cells:
                y, x = 1 + 6 * (c // 3), 1 + 6 * (c % 3)
                img[y:y + 4, x:x + 4] = rng.integers(150, 255)
            img += rng.integers(0, 40, img.shape).astype(np.uint8) // 2 * (img < 200)
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.targets[i]) - 1


class DotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(24 * 9, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        return self.classifier(self.features(x))


def prepare(images):
    return images


def main():
    torch.manual_seed(28)
    tf = transforms.ToTensor()
    train_loader = DataLoader(Dominoes(1500, 0, tf), batch_size=50, shuffle=True)
    val_loader = DataLoader(Dominoes(400, 1, tf), batch_size=200)
    net = DotNet()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(6):
        net.train()
        for images, labels in train_loader:
            opt.zero_grad()
            loss = loss_fn(net(prepare(images)), labels)
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            hits = sum((net(prepare(x)).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {hits / 400:.3f}")


if __name__ == "__main__":
    main()
