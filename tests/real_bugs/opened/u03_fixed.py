"""Flags rare faulty parts from process measurements, with a focal loss for the imbalance."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma
        self.ce = nn.CrossEntropyLoss(reduction="none")

    def forward(self, logits, target):
        logp = self.ce(logits, target)
        p = torch.exp(-logp)
        loss = (1 - p) ** self.gamma * logp
        return loss.mean()


def parts(n, rng):
    y = (rng.random(n) < 0.08).astype(np.int64)
    x = rng.normal(size=(n, 12)).astype(np.float32)
    x[:, :4] += 1.1 * y[:, None]
    x[:, 4] += y * x[:, 5]
    return torch.from_numpy(x), torch.from_numpy(y)


def recall_precision(model, x, y):
    model.eval()
    with torch.no_grad():
        pred = model(x).argmax(1)
    tp = ((pred == 1) & (y == 1)).sum().item()
    return tp / max(1, (y == 1).sum().item()), tp / max(1, (pred == 1).sum().item())


if __name__ == "__main__":
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = parts(4000, rng)
    xv, yv = parts(1500, rng)
    loader = DataLoader(TensorDataset(x, y), batch_size=128, shuffle=True)

    net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    criterion = FocalLoss(gamma=2.0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)

    for epoch in range(1, 9):
        net.train()
        losses = []
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(net(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        rec, prec = recall_precision(net, xv, yv)
        print(f"epoch {epoch}  focal {np.mean(losses):.4f}  recall {rec:.3f}  precision {prec:.3f}")
