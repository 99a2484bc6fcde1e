"""Classifier with a stochastic bottleneck (variational information bottleneck)."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence
from torch.utils.data import DataLoader, TensorDataset


class Bottleneck(nn.Module):
    def __init__(self, n_in=18, latent=6, classes=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, classes))

    def forward(self, x):
        mu, raw = self.encoder(x).chunk(2, dim=-1)
        posterior = Normal(mu, F.softplus(raw) + 1e-3)
        if self.training:
            z = posterior.rsample()
        else:
            z = posterior.mean
        return self.decoder(z), posterior


def make(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(18, 4, generator=torch.Generator().manual_seed(70))
    x = torch.randn(n, 18, generator=g)
    score = torch.tanh(x) @ w + 0.3 * torch.randn(n, 4, generator=g)
    return x, score.argmax(1)


def main(beta=5e-3, epochs=12):
    torch.manual_seed(71)
    train = DataLoader(TensorDataset(*make(3000, 1)), batch_size=64, shuffle=True)
    xv, yv = make(800, 2)
    model = Bottleneck()
    prior = Normal(torch.tensor(0.0), torch.tensor(1.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
    for epoch in range(1, epochs + 1):
        model.train()
        ce_total = kl_total = 0.0
        for x, y in train:
            logits, posterior = model(x)
            ce = F.cross_entropy(logits, y)
            kl = kl_divergence(posterior, prior).sum(-1).mean()
            optimizer.zero_grad()
            (ce + beta * kl).backward()
            optimizer.step()
            ce_total += ce.item()
            kl_total += kl.item()
        model.eval()
        with torch.no_grad():
            acc = (model(xv)[0].argmax(1) == yv).float().mean().item()
        print(f"epoch {epoch:2d} ce {ce_total / len(train):.4f} kl {kl_total / len(train):.3f} val acc {acc:.3f}")


if __name__ == "__main__":
    main()
