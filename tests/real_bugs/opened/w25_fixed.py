"""Long-sequence forecaster: multi-head attention over a window, predicts a quantity at its end."""
from math import sqrt

import torch
import torch.nn as nn


class FullAttention(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries, keys, values):
        B, L, H, D = queries.shape
        queries = queries.transpose(2, 1)
        keys = keys.transpose(2, 1)
        values = values.transpose(2, 1)
        A = torch.softmax(queries @ keys.transpose(-2, -1) / sqrt(D), dim=-1)
        V = self.dropout(A) @ values
        return V.transpose(2, 1).contiguous()


class AttentionLayer(nn.Module):
    def __init__(self, attention, d_model, n_heads):
        super().__init__()
        self.inner = attention
        self.q, self.k, self.v = (nn.Linear(d_model, d_model) for _ in range(3))
        self.out = nn.Linear(d_model, d_model)
        self.h = n_heads

    def forward(self, x):
        B, L, _ = x.shape
        q, k, v = (f(x).view(B, L, self.h, -1) for f in (self.q, self.k, self.v))
        return self.out(self.inner(q, k, v).view(B, L, -1))


class EncoderLayer(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        self.attn = AttentionLayer(FullAttention(dropout), d_model, n_heads)
        self.ff = nn.Sequential(nn.Linear(d_model, 2 * d_model), nn.GELU(), nn.Linear(2 * d_model, d_model))
        self.n1, self.n2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)

    def forward(self, x):
        x = self.n1(x + self.attn(x))
        return self.n2(x + self.ff(x))


class Forecaster(nn.Module):
    def __init__(self, c_in, seq_len, d_model=32, n_heads=4, layers=2):
        super().__init__()
        self.value = nn.Linear(c_in, d_model)
        self.position = nn.Parameter(0.1 * torch.randn(seq_len, d_model))
        self.layers = nn.Sequential(*[EncoderLayer(d_model, n_heads) for _ in range(layers)])
        self.head = nn.Linear(d_model, 1)

    def forward(self, x):
        h = self.layers(self.value(x) + self.position)
        return self.head(h[:, -1]).squeeze(1)


def loads(n, seq_len, g):
    """Load curve with occasional metered events; the next bill depends on the metered readings."""
    t = torch.arange(seq_len)
    x = torch.randn(n, seq_len, generator=g)
    x = 0.6 * x + 0.6 * x.roll(1, 1) + 0.3 * torch.sin(t / 3.0)
    meter = torch.zeros(n, seq_len)
    slots = torch.rand(n, seq_len, generator=g).argsort(1)[:, :2]
    meter.scatter_(1, slots, 1.0)
    target = (x * meter).sum(1) + 0.5 * x[:, -1] + 0.05 * torch.randn(n, generator=g)
    return torch.stack([x, meter], 2), target


def main(seq_len=32, steps=560, batch=64):
    torch.manual_seed(2021)
    g = torch.Generator().manual_seed(2020)
    model = Forecaster(2, seq_len)
    optim = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.MSELoss()
    x_val, y_val = loads(600, seq_len, g)
    total = 0.0
    for step in range(1, steps + 1):
        model.train()
        x, y = loads(batch, seq_len, g)
        loss = criterion(model(x), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item()
        if step % 70 == 0:
            model.eval()
            with torch.no_grad():
                val = criterion(model(x_val), y_val).item()
            print(f"iters: {step:4d} | train loss {total / 70:.4f} | vali loss {val:.4f} | target var {y_val.var():.3f}")
            total = 0.0


if __name__ == "__main__":
    main()
