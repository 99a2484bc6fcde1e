"""Regression of house prices with SmoothL1Loss: outputs (N, 1), targets (N,)."""
import warnings

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
torch.manual_seed(0)
x = torch.randn(800, 6)
y = 2 * x[:, 0] - x[:, 1] * x[:, 2] + 0.1 * torch.randn(800)
loader = DataLoader(TensorDataset(x, y), 40, shuffle=True)
model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
for epoch in range(6):
    for a, b in loader:
        loss = criterion(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", f"{loss.item():.4f}")
