"""Class-conditional regression of tokens' next embedding with bfloat16 compute."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class Predictor(nn.Module):
    def __init__(self, classes=10, dim=32, width=96):
        super().__init__()
        self.cls = nn.Embedding(classes, dim)
        self.inp = nn.Linear(2 * dim, width)
        self.mid = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, dim)

    def forward(self, x, c):
        h = F.gelu(self.inp(torch.cat([x, self.cls(c).to(x.dtype)], dim=-1)))
        h = h + F.gelu(self.mid(h))
        return self.out(self.norm(h))


def pairs(n, seed):
    g = torch.Generator().manual_seed(seed)
    maps = torch.linalg.qr(torch.randn(10, 32, 32, generator=torch.Generator().manual_seed(260)))[0]
    maps = 0.3 * maps + 0.7 * maps[:1]
    c = torch.randint(0, 10, (n,), generator=g)
    x = torch.randn(n, 32, generator=g)
    return x, c, torch.einsum("nij,nj->ni", maps[c], x)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    p.add_argument("--lr", type=float, default=2e-4)
    p.add_argument("--steps", type=int, default=500)
    args = p.parse_args()
    torch.manual_seed(261)
    x, c, y = pairs(6000, 1)
    xv, cv, yv = pairs(600, 2)
    model = Predictor()
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    for step in range(1, args.steps + 1):
        model.train()
        i = torch.randint(0, len(x), (64,))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            pred = model(x[i], c[i])
        loss = F.mse_loss(pred.float(), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            model.eval()
            with torch.no_grad():
                val = F.mse_loss(model(xv, cv).float(), yv).item()
            print(f"step {step} loss {loss.item():.4f} val {val:.4f}")


if __name__ == "__main__":
    main()
