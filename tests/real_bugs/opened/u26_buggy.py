"""Guesses the rotation of a picture (0, 90, 180 or 270 degrees) from samples stored by class name."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def picture(gen):
    img = 0.5 * torch.randn(12, 12, generator=gen)
    img[:4] += 1.0
    img[:, :3] += 0.5
    return img


def samples(n, angles, seed):
    gen = torch.Generator().manual_seed(seed)
    found = []
    for k in range(n):
        name = angles[k % len(angles)]
        found.append((torch.rot90(picture(gen), int(name) // 90), name))
    return found


class RotationSet(Dataset):
    def __init__(self, items, class_to_idx=None):
        self.items = items
        names = sorted({name for _, name in items}, key=int)
        self.class_to_idx = class_to_idx or {name: i for i, name in enumerate(names)}

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, name = self.items[i]
        return img.unsqueeze(0), self.class_to_idx[name]


def accuracy(net, loader):
    net.eval()
    with torch.no_grad():
        hits = sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


torch.manual_seed(35)
train_set = RotationSet(samples(1200, ["0", "90", "180", "270"], seed=1))
val_set = RotationSet(samples(300, ["0", "90", "270"], seed=2))
train_loader = DataLoader(train_set, batch_size=60, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                    nn.Linear(200, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(5):
    net.train()
    total = 0.0
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        opt.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.4f} "
          f"train acc {accuracy(net, train_loader):.3f} val acc {accuracy(net, val_loader):.3f}")
