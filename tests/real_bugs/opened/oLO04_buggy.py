"""A variational autoencoder of expression profiles."""
import torch
from torch import nn
from torch.nn import functional as F


def profiles(n, genes, seed):
    g = torch.Generator().manual_seed(seed)
    programs = torch.randn(4, genes, generator=torch.Generator().manual_seed(3))
    return torch.tanh(torch.randn(n, 4, generator=g) @ programs) + 0.1 * torch.randn(n, genes, generator=g)


class Autoencoder(nn.Module):
    def __init__(self, genes, latent=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(genes, 64), nn.ReLU())
        self.mean, self.log_var = nn.Linear(64, latent), nn.Linear(64, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, genes))

    def forward(self, x):
        h = self.encoder(x)
        mu, log_var = self.mean(h), self.log_var(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_var)
        return self.decoder(z), mu, log_var


def losses(out, x, mu, log_var):
    reconstruction = F.mse_loss(out, x)
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
    return reconstruction, kl


def main():
    torch.manual_seed(0)
    x, test = profiles(1000, 60, 0), profiles(200, 60, 1)
    model = Autoencoder(60)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(8):
        model.train()
        for batch in x[torch.randperm(len(x))].split(50):
            reconstruction, kl = losses(*[(out := model(batch))[0], batch], *out[1:])
            loss = reconstruction + kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            error = F.mse_loss(model(test)[0], test).item()
        print(f"epoch {epoch} reconstruction {reconstruction.item():.4f} kl {kl.item():.4f} test error {error:.4f}")


if __name__ == "__main__":
    main()
