"""Estimates a process quantity from twenty sensors with a deep tanh network."""
import torch
from torch import nn


class DeepTanh(nn.Module):
    def __init__(self, width=128, depth=4):
        super().__init__()
        sizes = [20] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(sizes, sizes[1:]))
        self.out = nn.Linear(width, 1)
        self.reset()

    def reset(self):
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.out(x)


def readings(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(20, 3, generator=torch.Generator().manual_seed(319)) / 20 ** 0.5
    x = torch.randn(n, 20, generator=g)
    a, b, c = (x @ w).t()
    y = a + 0.5 * b * c + 0.5 * torch.sin(2 * c) + 0.1 * torch.randn(n, generator=g)
    return x, (y / 1.2).unsqueeze(1)


def main():
    torch.manual_seed(320)
    x, y = readings(3000, 1)
    xv, yv = readings(600, 2)
    model = DeepTanh()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    for epoch in range(1, 13):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(64):
            opt.zero_grad()
            loss = loss_fn(model(x[idx]), y[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            val = loss_fn(model(xv), yv).item()
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d} train mse {total / len(x):.4f} val mse {val:.4f} (variance {yv.var().item():.3f})")


main()
