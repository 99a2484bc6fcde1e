"""Regression of a material property with automatic mixed precision and a gradient scaler."""
import torch
from torch import nn
from torch.amp import GradScaler, autocast
from torch.utils.data import DataLoader, TensorDataset

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(44)


def samples(n):
    x = torch.rand(n, 8) * 2 - 1
    y = torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] - 0.5 * x[:, 3] ** 2 + 0.1 * torch.randn(n)
    return TensorDataset(x, y.unsqueeze(1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        return self.head(self.body(x))


train_loader = DataLoader(samples(2400), batch_size=80, shuffle=True)
val_loader = DataLoader(samples(600), batch_size=300)
model = Net().to(DEVICE)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scaler = GradScaler(DEVICE)
criterion = nn.MSELoss()

for epoch in range(1, 11):
    model.train()
    total = 0.0
    for x, y in train_loader:
        x, y = x.to(DEVICE), y.to(DEVICE)
        optimizer.zero_grad()
        with autocast(DEVICE, dtype=torch.float16):
            pred = model(x)
        loss = criterion(pred.float(), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.step()
        total += loss.item()
    model.eval()
    val = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            val += criterion(model(x.to(DEVICE)), y.to(DEVICE)).item()
    print(f"epoch {epoch}: train {total / len(train_loader):.4f} val {val / len(val_loader):.4f} scale {scaler.get_scale():.0f}")
