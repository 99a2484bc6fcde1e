"""Captioning-style sequence model with linear warmup and cosine decay implemented by hand."""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class RunConfig:
    max_epoch: int = 5
    init_lr: float = 4e-3
    min_lr: float = 1e-5
    warmup_start_lr: float = 1e-6
    warmup_steps: int = 35
    batch_size: int = 50


class WarmupCosine:
    def __init__(self, optimizer, cfg, iters_per_epoch):
        self.opt, self.cfg, self.iters = optimizer, cfg, iters_per_epoch

    def step(self, epoch, inner_step):
        cfg = self.cfg
        total_step = epoch * self.iters + inner_step
        if total_step < cfg.warmup_steps:
            frac = total_step / cfg.warmup_steps
            lr = cfg.warmup_start_lr + (cfg.init_lr - cfg.warmup_start_lr) * frac
        else:
            t = total_step / (cfg.max_epoch * self.iters)
            lr = cfg.min_lr + 0.5 * (cfg.init_lr - cfg.min_lr) * (1 + math.cos(math.pi * t))
        for group in self.opt.param_groups:
            group["lr"] = lr
        return lr


class Captioner(nn.Module):
    def __init__(self, n_feat=10, vocab=12, dim=48):
        super().__init__()
        self.img = nn.Linear(n_feat, dim)
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(dim, vocab)

    def forward(self, feat, words):
        h0 = torch.tanh(self.img(feat)).unsqueeze(0)
        return self.out(self.rnn(self.emb(words), h0)[0])


def captions(n, seed):
    g = torch.Generator().manual_seed(seed)
    feat = torch.randn(n, 10, generator=g)
    ranked = feat.argsort(dim=1, descending=True)[:, :4] + 1
    start = torch.zeros(n, 1, dtype=torch.long)
    return TensorDataset(feat, torch.cat([start, ranked], dim=1))


def main():
    cfg = RunConfig()
    torch.manual_seed(120)
    train_loader = DataLoader(captions(2500, 1), batch_size=cfg.batch_size, shuffle=True)
    val_loader = DataLoader(captions(500, 2), batch_size=250)
    model = Captioner()
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.init_lr, weight_decay=0.01)
    schedule = WarmupCosine(optimizer, cfg, len(train_loader))
    for epoch in range(cfg.max_epoch):
        model.train()
        for i, (feat, seq) in enumerate(train_loader):
            lr = schedule.step(epoch, i)
            logits = model(feat, seq[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), seq[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(F.cross_entropy(model(f, s[:, :-1]).flatten(0, 1), s[:, 1:].flatten()).item() for f, s in val_loader)
        print(f"epoch {epoch} lr {lr:.2e} train {loss.item():.4f} val {val / len(val_loader):.4f}")


if __name__ == "__main__":
    main()
