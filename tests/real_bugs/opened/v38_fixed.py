"""VAE on small stroke images; after training, images are drawn from the prior."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

SIDE, LATENT = 12, 6


def reparametrize_gaussian(mu, logvar):
    noise = torch.randn_like(mu)
    return mu + noise * (0.5 * logvar).exp()


class VAE(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.enc = nn.Linear(SIDE * SIDE, hidden)
        self.enc_mu = nn.Linear(hidden, LATENT)
        self.enc_logvar = nn.Linear(hidden, LATENT)
        self.dec1 = nn.Linear(LATENT, hidden)
        self.dec2 = nn.Linear(hidden, SIDE * SIDE)

    def encode(self, x):
        h = torch.tanh(self.enc(x))
        return self.enc_mu(h), self.enc_logvar(h)

    def decode(self, z):
        return self.dec2(torch.tanh(self.dec1(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparametrize_gaussian(mu, logvar)), mu, logvar


def elbo_terms(logits, x, mu, logvar):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return nll, kl


def strokes(n, seed):
    g = torch.Generator().manual_seed(seed)
    grid = torch.arange(SIDE).float() - (SIDE - 1) / 2
    angle = 3.14 * torch.rand(n, 1, 1, generator=g)
    shift = 2.5 * torch.randn(n, 1, 1, generator=g)
    thick = 1.0 + torch.rand(n, 1, 1, generator=g)
    dist = (grid[None, :, None] * angle.cos() + grid[None, None, :] * angle.sin() - shift).abs()
    return torch.bernoulli(torch.sigmoid(3 * (thick - dist)), generator=g).flatten(1)


@torch.no_grad()
def importance_bound(model, x, k=50):
    """Log likelihood bound with k samples of the encoder's own Gaussian."""
    mu, logvar = model.encode(x)
    std = (0.5 * logvar).exp()
    eps = torch.randn(k, *mu.shape)
    z = mu + eps * std
    log_p = -F.binary_cross_entropy_with_logits(model.decode(z), x.expand(k, *x.shape), reduction="none").sum(-1)
    log_w = log_p + (-0.5 * z.pow(2)).sum(-1) - (-0.5 * eps.pow(2) - 0.5 * logvar).sum(-1)
    return (log_w.logsumexp(0) - torch.log(torch.tensor(float(k)))).mean().item()


def main():
    torch.manual_seed(380)
    loader = DataLoader(TensorDataset(strokes(4000, 1)), batch_size=80, shuffle=True)
    test = strokes(500, 2)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, 21):
        model.train()
        sums = torch.zeros(2)
        for (x,) in loader:
            nll, kl = elbo_terms(*((out := model(x))[0], x), *out[1:])
            optimizer.zero_grad()
            (nll + kl).backward()
            optimizer.step()
            sums += torch.tensor([nll.item(), kl.item()])
        model.eval()
        if epoch % 4 == 0:
            nll, kl = (sums / len(loader)).tolist()
            print(f"epoch {epoch:2d} nll {nll:.3f} kl {kl:.3f} test log likelihood bound {importance_bound(model, test):.3f}")


if __name__ == "__main__":
    main()
