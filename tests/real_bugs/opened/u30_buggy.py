"""Trains a small denoiser and keeps an exponential moving average of its weights for the saved model."""
import copy

import torch
from torch import nn


class EMA:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def update(self, model):
        for s, p in zip(self.shadow, model.parameters()):
            gap = s - p
            s.add_(gap * (1.0 - self.decay))

    @torch.no_grad()
    def copy_to(self, model):
        for s, p in zip(self.shadow, model.parameters()):
            p.copy_(s)


class Denoiser(nn.Module):
    def __init__(self, n=32, width=96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, n))

    def forward(self, x):
        return x + self.net(x)


def clean_signals(n, gen):
    t = torch.linspace(0, 6.283, 32)
    f = torch.randint(1, 4, (n, 1), generator=gen).float()
    a = 0.5 + torch.rand(n, 1, generator=gen)
    return a * torch.sin(f * t + 6.283 * torch.rand(n, 1, generator=gen))


def main():
    torch.manual_seed(50)
    gen = torch.Generator().manual_seed(50)
    train, val = clean_signals(2000, gen), clean_signals(400, gen)
    val_noisy = val + 0.5 * torch.randn(val.shape, generator=gen)
    model = Denoiser()
    ema = EMA(model, decay=0.97)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    mse = nn.MSELoss()
    for epoch in range(6):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(train)).split(50):
            x = train[idx]
            loss = mse(model(x + 0.5 * torch.randn_like(x)), x)
            opt.zero_grad()
            loss.backward()
            opt.step()
            ema.update(model)
            total += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            print(f"epoch {epoch}: train {total / len(train):.4f} val {mse(model(val_noisy), val).item():.4f}")
    averaged = copy.deepcopy(model)
    ema.copy_to(averaged)
    averaged.eval()
    with torch.no_grad():
        print(f"averaged weights: val {mse(averaged(val_noisy), val).item():.4f}")


if __name__ == "__main__":
    main()
