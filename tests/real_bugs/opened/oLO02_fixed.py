"""Classifies rare faults of a machine from sensor readings with a focal loss."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, target):
        ce = F.cross_entropy(logits, target, reduction="none")
        pt = torch.exp(-ce)
        return ((1 - pt) ** self.gamma * ce).mean()


def readings(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), n, True, generator=g)
    centres = torch.randn(3, 12, generator=torch.Generator().manual_seed(5))
    return TensorDataset(torch.randn(n, 12, generator=g) + 0.8 * centres[y], y)


def main():
    torch.manual_seed(0)
    train, test = readings(1200, 0), readings(400, 1)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
    criterion = FocalLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(4):
        model.train()
        total = 0.0
        for x, y in DataLoader(train, 64, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            x, y = test.tensors
            hit = model(x).argmax(1) == y
            recalls = [hit[y == k].float().mean().item() for k in range(3)]
        print(f"epoch {epoch} loss {total / len(train):.4f} recall " + " ".join(f"{r:.3f}" for r in recalls))


if __name__ == "__main__":
    main()
