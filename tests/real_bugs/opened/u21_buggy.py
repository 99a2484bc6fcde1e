"""Detects which channel of a multichannel sensor leads, with 1-D convolutions over time."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class SensorDataset(Dataset):
    """Windows of shape (time, channel) with the index of the channel that carries the pulse."""

    def __init__(self, n, steps=32, channels=6, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, channels, (n,), generator=g)
        self.x = 0.8 * torch.randn(n, steps, channels, generator=g)
        t = torch.arange(steps).float()
        centre = 6 + (steps - 12) * torch.rand(n, generator=g)
        pulse = 1.6 * torch.exp(-0.5 * ((t[None] - centre[:, None]) / 2.5) ** 2)
        self.x[torch.arange(n), :, self.y] += pulse

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ConvNet1d(nn.Module):
    def __init__(self, channels=6, classes=6):
        super().__init__()
        self.channels = channels
        self.conv1 = nn.Conv1d(channels, 24, 5, padding=2)
        self.bn1 = nn.BatchNorm1d(24)
        self.conv2 = nn.Conv1d(24, 24, 5, padding=2)
        self.bn2 = nn.BatchNorm1d(24)
        self.fc = nn.Linear(24, classes)

    def forward(self, x):
        b, t, c = x.shape
        x = x.reshape(b, c, t)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.amax(dim=2))


def main():
    torch.manual_seed(14)
    train_loader = DataLoader(SensorDataset(1600, seed=1), batch_size=64, shuffle=True)
    test_loader = DataLoader(SensorDataset(400, seed=2), batch_size=100)
    model = ConvNet1d()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(8):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        correct = 0
        with torch.inference_mode():
            for x, y in test_loader:
                correct += (model(x).argmax(-1) == y).sum().item()
        print(f"epoch {epoch + 1}/8 - loss: {running / len(train_loader):.4f} - test acc: {correct / 400:.4f}")


if __name__ == "__main__":
    main()
