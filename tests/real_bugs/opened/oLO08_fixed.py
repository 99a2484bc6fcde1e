"""Reconstructs signals at two sites whose features an adversary shall not tell apart."""
import torch
from torch import nn
from torch.nn import functional as F


def site(n, shift, seed):
    g = torch.Generator().manual_seed(seed)
    clean = torch.sin(torch.linspace(0, 6, 24) * (1 + torch.rand(n, 1, generator=g)))
    return clean + shift + 0.4 * torch.randn(n, 24, generator=g), clean


def main():
    torch.manual_seed(0)
    encoder, decoder = nn.Sequential(nn.Linear(24, 32), nn.ReLU()), nn.Linear(32, 24)
    adversary = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    optimizer_adversary = torch.optim.Adam(adversary.parameters(), lr=2e-3)
    here, there = site(300, 0.0, 0), site(300, 0.8, 1)
    for step in range(1, 161):
        at = torch.randint(0, 300, (32, ))
        (x, clean), other = (part[at] for part in here), there[0][at]
        features, others = encoder(x), encoder(other)
        guess = adversary(torch.cat([features, others]).detach())
        truth = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
        optimizer_adversary.zero_grad()
        F.binary_cross_entropy_with_logits(guess, truth).backward()
        optimizer_adversary.step()

        loss_rec = F.l1_loss(decoder(features), clean)
        loss_adv = F.binary_cross_entropy_with_logits(adversary(others), torch.ones(32, 1))
        loss = loss_rec + 0.1 * loss_adv
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(f"step {step} reconstruction {loss_rec.item():.4f} adversarial {loss_adv.item():.4f}")


if __name__ == "__main__":
    main()
