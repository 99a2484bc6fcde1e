"""Electricity load from temperature: a forecaster on sliding windows, two years for training, the next spring for testing."""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class StandardScaler:
    def fit(self, data):
        self.mean, self.std = data.mean(0), data.std(0)
        return self

    def transform(self, data):
        return (data - self.mean) / self.std

    def inverse_target(self, y):
        return y * self.std[1] + self.mean[1]


class LoadWindows(Dataset):
    def __init__(self, data, history=8, scaler=None):
        self.history = history
        self.scaler = scaler or StandardScaler().fit(data)
        self.data = self.scaler.transform(data)

    def __len__(self):
        return len(self.data) - self.history

    def __getitem__(self, i):
        past = self.data[i:i + self.history].flatten()
        now_temperature = self.data[i + self.history, :1]
        return torch.cat([past, now_temperature]), self.data[i + self.history, 1]


def records(days, gen):
    """Daily temperature and load: heating below 12 degrees, cooling above 20, some inertia."""
    t = torch.arange(days).float()
    temp = 13 - 11 * torch.cos(2 * math.pi * t / 365) + 3.5 * torch.randn(days, generator=gen)
    demand = 40 + 1.6 * (12 - temp).clamp(min=0) + 2.2 * (temp - 20).clamp(min=0)
    load = torch.empty(days)
    state = demand[0]
    for k in range(days):
        state = 0.4 * state + 0.6 * demand[k]
        load[k] = state + 0.8 * torch.randn((), generator=gen)
    return torch.stack([temp, load], dim=1)


def main():
    torch.manual_seed(160)
    data = records(730 + 150, torch.Generator().manual_seed(160))
    train_set = LoadWindows(data[:730])
    test_set = LoadWindows(data[730:], scaler=train_set.scaler)
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=64)
    model = nn.Sequential(nn.Linear(17, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.MSELoss()
    for epoch in range(1, 31):
        model.train()
        train_loss = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x).squeeze(1), y)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * len(y)
        model.eval()
        error, n = 0.0, 0
        with torch.no_grad():
            for x, y in test_loader:
                pred = test_set.scaler.inverse_target(model(x).squeeze(1))
                error += (pred - test_set.scaler.inverse_target(y)).abs().sum().item()
                n += len(y)
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d} train mse {train_loss / len(train_set):.4f} test mae {error / n:.3f} MW")


if __name__ == "__main__":
    main()
