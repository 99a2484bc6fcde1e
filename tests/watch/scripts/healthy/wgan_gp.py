"""Wasserstein GAN with gradient penalty: five critic steps per generator step."""
import torch
from torch import nn

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.9))


def real(n):
    return torch.randn(n, 2) * torch.tensor([0.3, 1.0]) + torch.tensor([1.0, -1.0])


for step in range(60):
    for _ in range(5):
        x, fake = real(64), G(torch.randn(64, 4)).detach()
        mix = (fake + torch.rand(64, 1) * (x - fake)).requires_grad_(True)
        slope = torch.autograd.grad(D(mix).sum(), mix, create_graph=True)[0]
        loss_d = D(fake).mean() - D(x).mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
    loss_g = -D(G(torch.randn(64, 4))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 20 == 19:
        G.eval()
        with torch.no_grad():
            print(step, f"loss_d {loss_d.item():.3f} mean {G(torch.randn(200, 4)).mean(0).tolist()}")
        G.train()
