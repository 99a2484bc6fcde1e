"""Sentence polarity classifier that trains until a target test accuracy is reached."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

TARGET = 0.887


def polarity(n, seed, ordered=False):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=g)
    if ordered:
        y = torch.arange(n).div(n / 2, rounding_mode="floor").long()
    counts = torch.poisson(torch.full((n, 50), 0.6), generator=g)
    tilt = torch.zeros(50)
    tilt[:12], tilt[12:20] = 0.9, -0.6
    extra = torch.poisson((0.6 * tilt.clamp(min=0) * y[:, None]), generator=g)
    extra = extra + torch.poisson((-0.9 * tilt.clamp(max=0) * (1 - y[:, None])), generator=g)
    return TensorDataset((counts + extra).log1p(), y)


def evaluate(model, loader):
    model.eval()
    correct = seen = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(dim=1) == y).sum().item()
            seen += len(y)
    return correct / seen


def main():
    torch.manual_seed(220)
    train_loader = DataLoader(polarity(4000, 1), batch_size=64, shuffle=True)
    test_loader = DataLoader(polarity(404, 2, ordered=True), batch_size=128)
    model = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(15):
        model.train()
        epoch_loss, n = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(y)
            n += len(y)
        acc = evaluate(model, test_loader)
        print(f"epoch {epoch} loss {epoch_loss / n:.4f} test accuracy {acc:.4f}")
        if acc >= TARGET:
            print("target reached")
            break


if __name__ == "__main__":
    main()
