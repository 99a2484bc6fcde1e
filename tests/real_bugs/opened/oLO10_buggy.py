"""Does a person earn more than the limit? One output, from a table of numbers."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def table(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    score = x @ torch.linspace(-1, 1, 10) + 0.5 * torch.randn(n, generator=g)
    return TensorDataset(x, (score > 0.3).float()[:, None])


class Income(nn.Module):
    def __init__(self, labels=1):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, labels))
        self.last = nn.Softmax(dim=1)

    def forward(self, x):
        return self.last(self.layers(x))


def main():
    torch.manual_seed(0)
    train, test = table(1500, 0), table(400, 1)
    model = Income()
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(4):
        total = 0.0
        for x, y in DataLoader(train, 50, shuffle=True):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        with torch.no_grad():
            x, y = test.tensors
            right = ((model(x) > 0.5).float() == y).float().mean().item()
        print(f"epoch {epoch} loss {total / len(train):.4f} right {right:.4f}")


if __name__ == "__main__":
    main()
