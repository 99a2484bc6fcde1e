"""A generator of waves against a discriminator, with a gradient scaler."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def real_waves(n, g):
    t = torch.linspace(0, 6.28, 24)
    return torch.sin(t + 6.28 * torch.rand(n, 1, generator=g)) * (0.5 + 0.5 * torch.rand(n, 1, generator=g))


def mlp(i, o):
    return nn.Sequential(nn.Linear(i, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, o))


def train(steps=250, batch=48):
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    net_g, net_d = mlp(8, 24), mlp(24, 1)
    optim_g = torch.optim.AdamW(net_g.parameters(), 2e-4, betas=(0.8, 0.99))
    optim_d = torch.optim.AdamW(net_d.parameters(), 2e-4, betas=(0.8, 0.99))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for step in range(steps):
        real = real_waves(batch, g)
        fake = net_g(torch.randn(batch, 8, generator=g))
        loss_d = F.mse_loss(net_d(real), torch.ones(batch, 1)) + F.mse_loss(net_d(fake.detach()), torch.zeros(batch, 1))
        optim_d.zero_grad()
        scaler.scale(loss_d).backward()
        scaler.unscale_(optim_d)
        torch.nn.utils.clip_grad_norm_(net_d.parameters(), 10.0)
        scaler.step(optim_d)
        loss_g = F.mse_loss(net_d(fake), torch.ones(batch, 1))
        optim_g.zero_grad()
        scaler.scale(loss_g).backward()
        scaler.unscale_(optim_g)
        torch.nn.utils.clip_grad_norm_(net_g.parameters(), 10.0)
        scaler.step(optim_g)
        scaler.update()
        if step % 50 == 49:
            print(f"step {step + 1} discriminator {loss_d.item():.3f} generator {loss_g.item():.3f}")


if __name__ == "__main__":
    train()
