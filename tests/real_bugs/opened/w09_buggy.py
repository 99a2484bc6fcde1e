import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--steps", type=int, default=350)
    p.add_argument("--global-batch-size", type=int, default=128)
    p.add_argument("--grad-accum-steps", type=int, default=16)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--log-every", type=int, default=50)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


class VelocityNet(nn.Module):
    """Predicts the flow-matching velocity of a 2-D point given time."""

    def __init__(self, width=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 + 16, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2),
        )
        self.register_buffer("freq", 2.0 ** torch.arange(8).float())

    def forward(self, x, t):
        ang = t[:, None] * self.freq
        return self.net(torch.cat([x, ang.sin(), ang.cos()], 1))


def moons(n, g):
    a = torch.rand(n, generator=g) * 3.1416
    s = (torch.rand(n, generator=g) < 0.5).float()
    x = torch.stack([a.cos() * (1 - 2 * s) + s, a.sin() * (1 - 2 * s) + 0.5 * s], 1)
    return 2 * (x - torch.tensor([0.5, 0.25])) + 0.08 * torch.randn(n, 2, generator=g)


def flow_loss(model, x1):
    x0 = torch.randn_like(x1)
    t = torch.rand(len(x1))
    xt = (1 - t[:, None]) * x0 + t[:, None] * x1
    return F.mse_loss(model(xt, t), x1 - x0)


def cycle(loader):
    while True:
        yield from loader


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed + 1)
    micro = args.global_batch_size // args.grad_accum_steps
    loader = cycle(DataLoader(TensorDataset(moons(20000, g)), batch_size=micro, shuffle=True, drop_last=True))
    heldout = moons(4000, g)
    model = VelocityNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.95), weight_decay=0.0)
    running, start = 0.0, time.time()
    for step in range(1, args.steps + 1):
        step_loss = 0.0
        for _ in range(args.grad_accum_steps):
            (x,) = next(loader)
            optimizer.zero_grad(set_to_none=True)
            loss = flow_loss(model, x) / args.grad_accum_steps
            loss.backward()
            step_loss += loss.item()
        if args.clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        running += step_loss
        if step % args.log_every == 0:
            with torch.no_grad():
                val = sum(flow_loss(model, heldout).item() for _ in range(8)) / 8
            print(f"(step={step:05d}) train loss {running / args.log_every:.4f} "
                  f"val loss {val:.4f} steps/s {step / (time.time() - start):.1f}")
            running = 0.0


if __name__ == "__main__":
    main()
