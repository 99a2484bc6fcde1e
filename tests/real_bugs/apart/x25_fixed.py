"""Event logs: were there more failures in the first half of the log or in the second?"""
import math

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

EVENTS, LENGTH = 12, 24
FAIL = 0


def make_logs(n: int, seed: int) -> TensorDataset:
    g = torch.Generator().manual_seed(seed)
    logs = torch.randint(1, EVENTS, (n, LENGTH), generator=g)
    logs[torch.rand(n, LENGTH, generator=g) < 0.35] = FAIL
    first = (logs[:, :LENGTH // 2] == FAIL).sum(1)
    second = (logs[:, LENGTH // 2:] == FAIL).sum(1)
    keep = first != second
    return TensorDataset(logs[keep], (first > second)[keep].long())


class PositionalEncoding(nn.Module):
    def __init__(self, dim: int, dropout: float = 0.1, max_len: int = 512) -> None:
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, dim)
        position = torch.arange(max_len).float().unsqueeze(1)
        div_term = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe.unsqueeze(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[:, :x.size(1)]
        return self.dropout(x)


class Transformer(nn.Module):
    def __init__(self, vocab_size: int = EVENTS, ninp: int = 48, nhead: int = 4, nhid: int = 96, nlayers: int = 2) -> None:
        super().__init__()
        self.pos_encoder = PositionalEncoding(ninp)
        self.embedding = nn.Embedding(vocab_size, ninp)
        layer = nn.TransformerEncoderLayer(ninp, nhead, nhid, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, nlayers)
        self.decoder = nn.Linear(ninp, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        src = self.pos_encoder(self.embedding(inputs))
        return self.decoder(self.encoder(src).mean(dim=1))


class Module:
    """A hand-made stand-in for a trainer's module."""

    def __init__(self) -> None:
        self.model = Transformer()
        self.loss = nn.CrossEntropyLoss()

    def training_step(self, batch) -> Tensor:
        logs, label = batch
        return self.loss(self.model(logs), label)

    def validation_step(self, batch):
        logs, label = batch
        logits = self.model(logs)
        return self.loss(logits, label).item() * len(label), (logits.argmax(1) == label).sum().item(), len(label)

    def configure_optimizers(self, steps: int):
        opt = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=0.01)
        return opt, torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=steps)


def fit(module: Module, train: DataLoader, val: DataLoader, epochs: int) -> None:
    opt, sched = module.configure_optimizers(epochs * len(train))
    for epoch in range(epochs):
        module.model.train()
        total = 0.0
        for batch in train:
            loss = module.training_step(batch)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.model.parameters(), 0.5)
            opt.step()
            sched.step()
            total += loss.item()
        module.model.eval()
        with torch.no_grad():
            loss, right, n = (sum(v) for v in zip(*(module.validation_step(b) for b in val)))
        print(f'epoch {epoch}: train_loss {total / len(train):.4f} val_loss {loss / n:.4f} val_acc {right / n:.4f}')


if __name__ == '__main__':
    torch.manual_seed(42)
    fit(Module(), DataLoader(make_logs(3000, 1), batch_size=32, shuffle=True),
        DataLoader(make_logs(800, 2), batch_size=200), epochs=8)
