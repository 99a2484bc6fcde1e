"""A variational autoencoder with summed losses and Adam, as in the PyTorch examples."""
import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.mu, self.logvar = nn.Linear(36, 40), nn.Linear(40, 4), nn.Linear(40, 4)
        self.fc3, self.fc4 = nn.Linear(4, 40), nn.Linear(40, 36)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


torch.manual_seed(1)
rows = (torch.rand(800, 6, 1) < 0.3) | (torch.rand(800, 1, 6) < 0.2)
data = rows.float().flatten(1)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(8):
    model.train()
    total = 0.0
    for i in torch.randperm(700).split(32):
        optimizer.zero_grad()
        recon, mu, logvar = model(data[i])
        loss = loss_function(recon, data[i], mu, logvar)
        loss.backward()
        total += loss.item()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        recon, mu, logvar = model(data[700:])
        test = loss_function(recon, data[700:], mu, logvar)
    print(f"epoch {epoch} loss {total / 700:.3f} test {test.item() / 100:.3f}")
