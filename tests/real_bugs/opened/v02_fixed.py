"""Transformer encoder for short-text topic classification."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Config:
    vocab = 200
    d_model = 48
    heads = 4
    layers = 2
    classes = 5
    length = 16
    lr = 1e-3
    epochs = 4
    batch = 64


class Texts(Dataset):
    """Each topic prefers its own words; a third of every text is common words."""

    def __init__(self, n, cfg, seed):
        g = torch.Generator().manual_seed(seed)
        prefs = torch.rand(cfg.classes, cfg.vocab, generator=torch.Generator().manual_seed(99)) ** 6
        self.y = torch.randint(0, cfg.classes, (n,), generator=g)
        mix = 0.5 * prefs / prefs.sum(1, keepdim=True) + 0.5 / cfg.vocab
        self.x = torch.multinomial(mix[self.y], cfg.length, replacement=True, generator=g)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class TransformerClassifier(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.scale = math.sqrt(cfg.d_model)
        self.tokens = nn.Embedding(cfg.vocab, cfg.d_model)
        nn.init.normal_(self.tokens.weight, std=cfg.d_model ** -0.5)
        pos = torch.arange(cfg.length)[:, None] / 10000 ** (torch.arange(0, cfg.d_model, 2) / cfg.d_model)
        self.register_buffer("pe", torch.stack([pos.sin(), pos.cos()], dim=-1).flatten(1))
        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 96, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, cfg.layers)
        self.fc = nn.Linear(cfg.d_model, cfg.classes)
        self.softmax = nn.LogSoftmax(dim=-1)

    def forward(self, x):
        h = self.encoder(self.tokens(x) * self.scale + self.pe)
        return self.softmax(self.fc(h.mean(1)))


def run_epoch(model, loader, loss_op, optimizer=None):
    model.train(optimizer is not None)
    total, right, n = 0.0, 0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            out = model(x)
            loss = loss_op(out, y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(y)
            right += (out.argmax(1) == y).sum().item()
            n += len(y)
    return total / n, right / n


if __name__ == "__main__":
    torch.manual_seed(11)
    cfg = Config()
    train = DataLoader(Texts(5000, cfg, 1), batch_size=cfg.batch, shuffle=True)
    val = DataLoader(Texts(800, cfg, 2), batch_size=200)
    model = TransformerClassifier(cfg)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    loss_op = nn.NLLLoss()
    for epoch in range(cfg.epochs):
        tl, ta = run_epoch(model, train, loss_op, optimizer)
        vl, va = run_epoch(model, val, loss_op)
        print(f"epoch {epoch}: train loss {tl:.4f} acc {ta:.3f} | val loss {vl:.4f} acc {va:.3f}")
