"""Predicts appliance energy use from weather readings; keeps the best validation error."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def readings(n, seed):
    g = torch.Generator().manual_seed(seed)
    temp = torch.randn(n, generator=g)
    humid = torch.randn(n, generator=g)
    hour = torch.rand(n, generator=g) * 6.283
    wind = torch.randn(n, generator=g)
    load = 0.8 * temp ** 2 - 0.5 * temp * humid + torch.sin(hour) + 0.3 * wind
    load = (load - load.mean()) / load.std() + 0.2 * torch.randn(n, generator=g)
    return TensorDataset(torch.stack([temp, humid, hour.sin(), hour.cos(), wind], 1), load.unsqueeze(1))


class EnergyModel(nn.Module):
    def __init__(self, p=0.3):
        super().__init__()
        self.inp = nn.Linear(5, 128)
        self.bn = nn.BatchNorm1d(128)
        self.mid = nn.Linear(128, 64)
        self.out = nn.Linear(64, 1)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        x = self.drop(torch.relu(self.bn(self.inp(x))))
        x = self.drop(torch.relu(self.mid(x)))
        return self.out(x)


def fit_epoch(model, loader, loss_fn, opt):
    model.train()
    total = 0.0
    for x, y in loader:
        opt.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        opt.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def validate(model, loader, loss_fn):
    total = 0.0
    with torch.no_grad():
        for x, y in loader:
            total += loss_fn(model(x), y).item() * len(x)
    return total / len(loader.dataset)


def main():
    torch.manual_seed(12)
    train_set, val_set = random_split(readings(3000, 12), [2400, 600])
    train_loader = DataLoader(train_set, batch_size=80, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=200)
    model, loss_fn = EnergyModel(), nn.MSELoss()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    best = float("inf")
    for epoch in range(12):
        tr = fit_epoch(model, train_loader, loss_fn, opt)
        va = validate(model, val_loader, loss_fn)
        best = min(best, va)
        print(f"epoch {epoch:2d} train {tr:.4f} val {va:.4f} best {best:.4f}")


if __name__ == "__main__":
    main()
