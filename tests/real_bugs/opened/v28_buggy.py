"""Regression of a noisy physical response with averaged weights (EMA) for evaluation."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class WithLoss(nn.Module):
    """Bundles network and objective so that one call gives the training loss."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, y):
        return F.smooth_l1_loss(self.net(x), y)


class EMA:
    def __init__(self, model, decay=0.99):
        self.decay = decay
        self.shadow = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model):
        for name, p in model.named_parameters():
            if name in self.shadow:
                self.shadow[name].lerp_(p, 1 - self.decay)

    @torch.no_grad()
    def copy_to(self, model):
        for name, p in model.named_parameters():
            p.copy_(self.shadow[name])


def response(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(n, 6, generator=g) - 1
    y = torch.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2].square() - 0.5 * (4 * x[:, 3] * x[:, 4]).tanh()
    return x * 3 ** 0.5, ((y - 0.33) / 0.62 + 0.4 * torch.randn(n, generator=g))[:, None]


@torch.no_grad()
def rmse(net, x, y):
    net.eval()
    return F.mse_loss(net(x), y).sqrt().item()


torch.manual_seed(280)
loader = DataLoader(TensorDataset(*response(4000, 1)), batch_size=64, shuffle=True)
xv, yv = response(1000, 2)
net = nn.Sequential(nn.Linear(6, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
ema = EMA(net)
training = WithLoss(net)
optimizer = torch.optim.Adam(training.parameters(), lr=4e-3)

for epoch in range(10):
    training.train()
    total = 0.0
    for x, y in loader:
        loss = training(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(training)
        total += loss.item()
    averaged = copy.deepcopy(net)
    ema.copy_to(averaged)
    print(f"epoch {epoch} loss {total / len(loader):.4f} rmse raw {rmse(net, xv, yv):.4f} averaged {rmse(averaged, xv, yv):.4f}")
