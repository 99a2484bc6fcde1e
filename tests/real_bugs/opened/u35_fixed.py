"""Transformer encoder that finds the most frequent symbol group in padded sequences."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

PAD, MAXLEN = 0, 24


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x, is_token):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        key_mask = is_token[:, None, None, :]
        scores = scores.masked_fill(~key_mask, -1e9)
        y = scores.softmax(dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, t, d))


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.attn = SelfAttention(dim, heads)
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))

    def forward(self, x, is_token):
        x = self.n1(x + self.attn(x, is_token))
        return self.n2(x + self.ff(x))


class Model(nn.Module):
    def __init__(self, vocab=21, dim=32, classes=4):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.layers = nn.ModuleList(Layer(dim, 2) for _ in range(2))
        self.cls = nn.Linear(dim, classes)

    def forward(self, ids):
        is_token = ids != PAD
        x = self.emb(ids)
        for layer in self.layers:
            x = layer(x, is_token)
        return self.cls(x[:, 0])


def make(n, seed):
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(n):
        length = int(torch.randint(8, MAXLEN, (1,), generator=g))
        label = int(torch.randint(0, 4, (1,), generator=g))
        group = torch.randint(0, 4, (length,), generator=g)
        group[torch.rand(length, generator=g) < 0.3] = label
        ids = 1 + 5 * group + torch.randint(0, 5, (length,), generator=g)
        rows.append((F.pad(ids, (0, MAXLEN - length)), torch.tensor(label)))
    return rows


def main():
    torch.manual_seed(95)
    train_loader = DataLoader(make(2000, 1), batch_size=50, shuffle=True)
    val_loader = DataLoader(make(400, 2), batch_size=100)
    model = Model()
    opt = torch.optim.AdamW(model.parameters(), lr=1.5e-3)
    for epoch in range(6):
        model.train()
        total = 0.0
        for ids, y in train_loader:
            loss = F.cross_entropy(model(ids), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(ids).argmax(1) == y).sum().item() for ids, y in val_loader)
        print(f"epoch {epoch}: loss {total / len(train_loader):.4f} val acc {hits / 400:.3f}")


if __name__ == "__main__":
    main()
