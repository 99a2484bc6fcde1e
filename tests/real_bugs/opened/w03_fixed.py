"""Variational autoencoder over small bitmap 'molecule fingerprints'."""
import torch
import torch.nn.functional as F
from torch import nn


def fingerprints(n, g):
    """Each row mixes a few of 12 hidden substructure patterns over 96 bits."""
    base = (torch.rand(12, 96, generator=torch.Generator().manual_seed(99)) < 0.18).float()
    on = (torch.rand(n, 12, generator=g) < 0.25).float()
    probs = ((on @ base) > 0).float() * 0.94 + 0.02
    return torch.bernoulli(probs, generator=g)


class KLDivergenceLoss(nn.Module):
    """KL between N(mu, sigma^2) and the standard normal prior, summed over latents."""

    def forward(self, mu, logvar):
        terms = mu.pow(2) + logvar.exp() - logvar - 1
        return 0.5 * terms.sum(dim=-1)


class ELBOLoss(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.kl = KLDivergenceLoss()
        self.beta = beta

    def forward(self, logits, x, mu, logvar):
        rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        kl = self.kl(mu, logvar)
        return (rec + self.beta * kl).mean(), rec.mean(), kl.mean()


class VAE(nn.Module):
    def __init__(self, d=96, h=128, z=8):
        super().__init__()
        self.z = z
        self.enc = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.to_mu = nn.Linear(h, z)
        self.to_logvar = nn.Linear(h, z)
        self.dec = nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, d))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.dec(z), mu, logvar

    @torch.no_grad()
    def sample(self, n):
        return torch.sigmoid(self.dec(torch.randn(n, self.z)))


def main():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    train, test = fingerprints(4000, g), fingerprints(800, g)
    vae = VAE()
    elbo = ELBOLoss()
    opt = torch.optim.Adam(vae.parameters(), lr=1e-3)
    for epoch in range(30):
        vae.train()
        for batch in train[torch.randperm(len(train))].split(128):
            logits, mu, logvar = vae(batch)
            loss, rec, kl = elbo(logits, batch, mu, logvar)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if (epoch + 1) % 5 == 0:
            vae.eval()
            with torch.no_grad():
                logits, mu, logvar = vae(test)
                _, rec, kl = elbo(logits, test, mu, logvar)
                density_gap = (vae.sample(2000).mean(0) - test.mean(0)).abs().mean()
            print(f"epoch {epoch + 1:2d} loss {loss.item():.3f} test rec {rec:.3f} kl {kl:.3f} "
                  f"sigma {torch.exp(0.5 * logvar).mean():.3f} sample bit-rate gap {density_gap:.4f}")


main()
