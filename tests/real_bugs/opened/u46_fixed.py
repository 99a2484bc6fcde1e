"""Variational autoencoder on event-interval profiles."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class VAE(nn.Module):
    def __init__(self, n=30, latent=4, width=96):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.mu, self.log_var = nn.Linear(width, latent), nn.Linear(width, latent)
        self.dec = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n))

    def forward(self, x):
        h = self.enc(x)
        mean, log_var = self.mu(h), self.log_var(h)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp() if self.training else mean
        return self.dec(z), mean, log_var


def vae_loss(recon, x, mean, log_var):
    rec = ((recon - x) ** 2).sum(dim=-1) / 0.1
    kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=-1)
    return (rec + kl).mean(), rec.mean(), kl.mean()


def profiles(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 1, 30)
    centre = 0.2 + 0.6 * torch.rand(n, 1, generator=g)
    width = 0.08 + 0.15 * torch.rand(n, 1, generator=g)
    height = 1 + torch.rand(n, 1, generator=g)
    x = height * torch.exp(-0.5 * ((t - centre) / width) ** 2) + 0.1 * torch.randn(n, 30, generator=g)
    return x


if __name__ == "__main__":
    torch.manual_seed(190)
    train_x, test_x = profiles(3000, 1), profiles(500, 2)
    mean_x = train_x.mean(0)
    train_x, test_x = train_x - mean_x, test_x - mean_x
    loader = DataLoader(TensorDataset(train_x), batch_size=100, shuffle=True)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(12):
        model.train()
        for (x,) in loader:
            recon, mean, log_var = model(x)
            loss, rec, kl = vae_loss(recon, x, mean, log_var)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            recon, mean, _ = model(test_x)
            mse = ((recon - test_x) ** 2).mean().item()
        if epoch % 2 == 1:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f} rec {rec.item():.3f} kl {kl.item():.3f} "
                  f"test mse {mse:.4f} spread of codes {mean.std(0).mean().item():.3f}")
