"""Low-rank adaptation of a frozen text encoder with activation checkpointing for a three-class task."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.lora_a), self.lora_b) * self.scale


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v))
        return x + self.ff(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, vocab=30, length=8, dim=32, depth=2, classes=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.pos = nn.Parameter(0.5 * torch.randn(length, dim))
        self.blocks = nn.ModuleList(Block(dim) for _ in range(depth))
        self.classifier = nn.Linear(dim, classes)

    def forward(self, ids):
        x = self.emb(ids) + self.pos
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.training else block(x)
        return self.classifier(x.mean(dim=1))


def add_lora(model):
    for p in model.parameters():
        p.requires_grad = False
    for block in model.blocks:
        block.qkv = LoRALinear(block.qkv)
        block.proj = LoRALinear(block.proj)
    for p in model.classifier.parameters():
        p.requires_grad = True
    return model


def texts(n, seed):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 30, (n, 8), generator=g)
    y = torch.randint(0, 3, (n,), generator=g)
    for row, label in zip(ids, y):
        at = int(torch.randint(0, 4, (1,), generator=g))
        row[at + 4 * (label == 1)] = int(label == 2)
    return ids, y


if __name__ == "__main__":
    torch.manual_seed(70)
    x, y = texts(2000, 1)
    xv, yv = texts(400, 2)
    model = add_lora(Encoder())
    trainable = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(trainable, lr=3e-3)
    print("trainable parameters:", sum(p.numel() for p in trainable))
    for epoch in range(5):
        model.train()
        for i in torch.randperm(len(x)).split(50):
            loss = F.cross_entropy(model(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        model.eval()
        with torch.no_grad():
            acc = (model(xv).argmax(1) == yv).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {acc:.4f}")
