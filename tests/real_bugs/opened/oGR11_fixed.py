"""Adapts a trained classifier to shifted data; its last layer is meant to stay as it is."""
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, width=32, classes=4):
        super().__init__()
        self.inc, self.mid, self.outc = nn.Linear(10, width), nn.Linear(width, width), nn.Linear(width, classes)

    def forward(self, x):
        return self.outc(F.relu(self.mid(F.relu(self.inc(x)))))


class Adapter:
    def __init__(self, model, lr):
        self.model = model
        self.model.outc.requires_grad_(False)
        self.optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=lr)

    def epoch(self, x, y):
        self.model.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(40):
            loss = F.cross_entropy(self.model(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(rows)
        return total / len(x)


def domain(count, centres, shift):
    y = torch.randint(4, (count,))
    return centres[y] + shift + torch.randn(count, 10), y


def main():
    torch.manual_seed(0)
    centres, shift = 1.5 * torch.randn(4, 10), 0.8 * torch.randn(10)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    x, y = domain(800, centres, 0)
    for rows in torch.randperm(len(x)).split(20):
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    before = model.outc.weight.detach().clone()
    adapter = Adapter(model, 1e-3)
    x, y = domain(400, centres, shift)
    for epoch in range(6):
        print(f"epoch {epoch} loss {adapter.epoch(x, y):.4f}")
    print("last layer moved by", (model.outc.weight - before).norm().item())


if __name__ == "__main__":
    main()
