"""Transformer that tells from a sequence of motion codes which of two gestures came first."""
import math

import torch
import torch.nn as nn

CODES, LENGTH, DIM = 16, 14, 48


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=60):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_len)[:, None]
        freq = torch.exp(torch.arange(0, d_model, 2) * (-math.log(200.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * freq)
        pe[0, :, 1::2] = torch.cos(position * freq)
        self.register_buffer("pe", pe)

    def forward(self, x):
        x = x + self.pe[:, x.shape[1], :]
        return self.dropout(x)


class GestureOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CODES, DIM)
        self.position = PositionalEncoding(DIM, dropout=0.05)
        layer = nn.TransformerEncoderLayer(DIM, 4, 96, dropout=0.05, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, 1)

    def forward(self, codes):
        h = self.encoder(self.position(self.embed(codes)))
        return self.head(self.norm(h).mean(1)).squeeze(1)


def sequences(n, gen):
    """Codes 0 and 1 are the gestures (once each); the rest is filler."""
    x = torch.randint(2, CODES, (n, LENGTH), generator=gen)
    spots = torch.rand(n, LENGTH, generator=gen).argsort(1)[:, :2]
    rows = torch.arange(n)
    x[rows, spots[:, 0]] = 0
    x[rows, spots[:, 1]] = 1
    return x, (spots[:, 0] < spots[:, 1]).float()


torch.manual_seed(181)
gen = torch.Generator().manual_seed(180)
x, y = sequences(3200, gen)
xv, yv = sequences(800, gen)
model = GestureOrder()
optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-2)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(7):
    model.train()
    total = 0.0
    for i in torch.randperm(len(x)).split(64):
        loss = criterion(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() * len(i)
    model.eval()
    with torch.no_grad():
        acc = ((model(xv) > 0).float() == yv).float().mean().item()
    print(f"epoch {epoch} loss {total / len(x):.4f} val acc {acc:.3f}")
