"""Fits a noisy sine curve with a fully connected network."""
import math

import torch
from torch import nn


def sample(n, gen):
    x = (torch.rand(n, 1, generator=gen) * 2 - 1) * math.pi
    return x, torch.sin(x) + 0.05 * torch.randn(n, 1, generator=gen)


def network(hidden):
    return nn.Sequential(
        nn.Linear(1, hidden),
        nn.Linear(hidden, hidden),
        nn.Linear(hidden, 1),
    )


def fit(net, x, y, x_val, y_val, epochs=40, batch=64, lr=5e-3):
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    loss_fn = nn.MSELoss()
    history = []
    for epoch in range(epochs):
        net.train()
        perm = torch.randperm(len(x))
        for b in range(0, len(x), batch):
            i = perm[b:b + batch]
            opt.zero_grad()
            loss = loss_fn(net(x[i]), y[i])
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            history.append(loss_fn(net(x_val), y_val).item())
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3d}  batch loss {loss.item():.5f}  validation {history[-1]:.5f}")
    return history


if __name__ == "__main__":
    torch.manual_seed(10)
    gen = torch.Generator().manual_seed(10)
    x, y = sample(1024, gen)
    x_val, y_val = sample(256, gen)
    net = network(32)
    history = fit(net, x, y, x_val, y_val)
    print(f"best validation mse {min(history):.5f}")
    with torch.no_grad():
        for v in (-math.pi / 2, 0.0, math.pi / 2):
            print(f"sin({v:+.3f}) ~ {net(torch.tensor([[v]])).item():+.3f}")
