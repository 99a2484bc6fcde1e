"""Forecasts the next values of a noisy random-walk-like series from sliding windows."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

WINDOW, HORIZON = 24, 8


def series(n, seed=0):
    g = torch.Generator().manual_seed(seed)
    steps = 0.25 * torch.randn(n, generator=g)
    x = torch.zeros(n)
    for i in range(1, n):
        x[i] = 0.97 * x[i - 1] + steps[i]
    return x + 0.3 * torch.sin(torch.arange(n) * 0.26)


def windows(x):
    w = x.unfold(0, WINDOW + HORIZON, 1)
    return TensorDataset(w[:, :WINDOW].clone(), w[:, WINDOW:].clone())


def split(x, ratio=0.8):
    data = windows(x)
    cut = int(ratio * len(data))
    order = torch.randperm(len(data)).tolist()
    return torch.utils.data.Subset(data, order[:cut]), torch.utils.data.Subset(data, order[cut:])


class Forecaster(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(WINDOW, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                 nn.Linear(width, HORIZON))

    def forward(self, x):
        last = x[:, -1:]
        return last + self.net(x - last)


def mse(model, loader):
    model.eval()
    with torch.no_grad():
        return sum(((model(x) - y) ** 2).mean(1).sum().item() for x, y in loader) / len(loader.dataset)


def main():
    torch.manual_seed(250)
    train_set, test_set = split(series(3000))
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=128)
    fresh_loader = DataLoader(windows(series(1500, seed=9)), batch_size=128)
    model = Forecaster()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} train {total / len(train_loader):.4f} test {mse(model, test_loader):.4f}")
    print(f"fresh series: {mse(model, fresh_loader):.4f}")


if __name__ == "__main__":
    main()
