"""Two-spirals classification with an MLP and an exponentially decaying learning rate."""
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


def spirals(n, noise, rng):
    t = np.sqrt(rng.random(n)) * 2.2 * np.pi
    label = rng.integers(0, 2, n)
    sign = np.where(label == 0, 1.0, -1.0)
    pts = np.stack([sign * t * np.cos(t), sign * t * np.sin(t)], 1) / 4
    pts += noise * rng.normal(size=pts.shape)
    return torch.tensor(pts, dtype=torch.float32), torch.tensor(label)


def evaluate(net, loader):
    net.eval()
    right = n = 0
    with torch.no_grad():
        for x, y in loader:
            right += (net(x).argmax(1) == y).sum().item()
            n += y.numel()
    return right / n


rng = np.random.default_rng(21)
torch.manual_seed(21)
train = TensorDataset(*spirals(3000, 0.05, rng))
test = TensorDataset(*spirals(800, 0.05, rng))
train_loader = DataLoader(train, batch_size=64, shuffle=True)
test_loader = DataLoader(test, batch_size=400)

net = nn.Sequential(
    nn.Linear(2, 64), nn.Tanh(),
    nn.Linear(64, 64), nn.Tanh(),
    nn.Linear(64, 2),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=5e-3)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)

for epoch in range(14):
    net.train()
    running = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
        scheduler.step()
    print(f"epoch {epoch:2d}: loss {running / len(train_loader):.4f}, test accuracy {evaluate(net, test_loader):.3f}")
