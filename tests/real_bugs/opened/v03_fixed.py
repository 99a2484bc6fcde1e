"""Probabilistic forecaster: the network gives a mean and a spread for the next value."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class GaussianLikelihood:
    """Turns two raw network outputs into (mu, sigma) and scores targets under N(mu, sigma)."""

    def __init__(self):
        self.nllloss = nn.GaussianNLLLoss(reduction="mean", full=True)

    def parameters_from(self, raw):
        mu, raw_sigma = raw.unbind(-1)
        return mu, F.softplus(raw_sigma) + 1e-3

    def compute_loss(self, raw, target):
        mu, sigma = self.parameters_from(raw)
        return self.nllloss(mu, target, sigma ** 2)

    def interval(self, raw, z=1.645):
        mu, sigma = self.parameters_from(raw)
        return mu - z * sigma, mu + z * sigma


def series(n, seed):
    """Daily rhythm with noise that is larger in the second half of each cycle."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(n).float()
    phase = 2 * torch.pi * t / 24
    noise = (0.12 + 0.35 * (phase.sin() < 0).float()) * torch.randn(n, generator=g)
    return phase.sin() + 0.4 * (2 * phase).cos() + noise


def windows(x, k=24):
    w = x.unfold(0, k + 1, 1)
    return w[:, :k], w[:, k]


def main():
    torch.manual_seed(21)
    raw_train, raw_test = series(6000, 1), series(1500, 2)
    mean, std = raw_train.mean(), raw_train.std()
    x, y = windows((raw_train - mean) / std)
    xt, yt = windows((raw_test - mean) / std)

    net = nn.Sequential(nn.Linear(24, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 2))
    likelihood = GaussianLikelihood()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)

    for epoch in range(1, 11):
        net.train()
        losses = []
        for idx in torch.randperm(len(x)).split(128):
            loss = likelihood.compute_loss(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            raw = net(xt)
            low, high = likelihood.interval(raw)
            inside = ((yt > low) & (yt < high)).float().mean().item()
            mse = F.mse_loss(likelihood.parameters_from(raw)[0], yt).item()
        print(f"epoch {epoch:2d}  loss {sum(losses) / len(losses):.4f}  test mse {mse:.4f}  90% interval covers {inside:.3f}")


if __name__ == "__main__":
    main()
