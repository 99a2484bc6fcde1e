"""Behaviour cloning of a two-joint arm controller with gradient accumulation and a decaying learning rate."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Policy(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
                                 nn.Linear(width, 2))

    def forward(self, obs):
        return self.net(obs)


def demonstrations(n, seed):
    """Expert: damped Jacobian-transpose control of a planar arm towards a target."""
    g = torch.Generator().manual_seed(seed)
    q = 3.14 * (2 * torch.rand(n, 2, generator=g) - 1)
    target = 1.2 * torch.randn(n, 2, generator=g)
    a, b = q[:, 0], q[:, 0] + q[:, 1]
    tip = torch.stack([a.cos() + b.cos(), a.sin() + b.sin()], dim=1)
    e = target - tip
    u0 = -(a.sin() + b.sin()) * e[:, 0] + (a.cos() + b.cos()) * e[:, 1]
    u1 = -b.sin() * e[:, 0] + b.cos() * e[:, 1]
    action = torch.stack([u0, u1], dim=1) / 2.2 + 0.05 * torch.randn(n, 2, generator=g)
    obs = torch.cat([q.sin() * 1.4, q.cos() * 1.4, target / 1.2], dim=1)
    return obs, action


class LinearDecay:
    """Learning rate from its base value down to zero over the given number of steps."""

    def __init__(self, optimizer, total):
        self.optimizer, self.total, self.count = optimizer, total, 0
        self.base = [group["lr"] for group in optimizer.param_groups]

    def step(self):
        self.count += 1
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * max(0.0, 1 - self.count / self.total)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--micro-batch", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--lr", type=float, default=4e-3)
    args = parser.parse_args()

    torch.manual_seed(340)
    loader = DataLoader(TensorDataset(*demonstrations(3200, 1)), batch_size=args.micro_batch, shuffle=True)
    obs_v, act_v = demonstrations(800, 2)
    policy = Policy()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=args.lr, weight_decay=1e-3)
    updates = args.epochs * len(loader) // args.accumulate
    scheduler = LinearDecay(optimizer, updates)

    for epoch in range(args.epochs):
        policy.train()
        total = 0.0
        for step, (obs, act) in enumerate(loader):
            loss = F.mse_loss(policy(obs), act)
            (loss / args.accumulate).backward()
            total += loss.item()
            if (step + 1) % args.accumulate == 0:
                nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
            scheduler.step()
        policy.eval()
        with torch.no_grad():
            val = F.mse_loss(policy(obs_v), act_v).item()
        print(f"epoch {epoch:2d} lr {optimizer.param_groups[0]['lr']:.2e} loss {total / len(loader):.5f} val {val:.5f}")


if __name__ == "__main__":
    main()
