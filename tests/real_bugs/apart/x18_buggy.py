import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

# --------------------------------------------------------------------------- data


class MarkovText(Dataset):
    """Token sequences from a fixed second-order source."""

    def __init__(self, vocab, n, length, seed):
        source = torch.Generator().manual_seed(99)
        table = torch.randint(vocab, (vocab, vocab, 3), generator=source)
        g = torch.Generator().manual_seed(seed)
        seq = torch.randint(vocab, (n, length + 1), generator=g)
        for t in range(2, length + 1):
            branch = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), n, replacement=True, generator=g)
            seq[:, t] = table[seq[:, t - 2] % 4, seq[:, t - 1], branch]
        self.seq = seq

    def __len__(self):
        return len(self.seq)

    def __getitem__(self, i):
        return self.seq[i, :-1], self.seq[i, 1:]


# -------------------------------------------------------------------------- model


class DecoderLM(nn.Module):
    def __init__(self, vocab, d_model=64, n_head=4, n_layer=2, length=24):
        super().__init__()
        self.d_model = d_model
        self.tok = nn.Embedding(vocab, d_model)
        self.pos = nn.Embedding(length, d_model)
        layer = nn.TransformerEncoderLayer(d_model, n_head, 4 * d_model, dropout=0.0, activation='gelu',
                                           batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n_layer, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.lm_head = nn.Linear(d_model, vocab, bias=False)
        self.register_buffer('mask', nn.Transformer.generate_square_subsequent_mask(length))
        self.reset_parameters()

    def reset_parameters(self, factor=1.0):
        nn.init.normal_(self.tok.weight, std=factor * 0.02)
        nn.init.normal_(self.pos.weight, std=factor * 0.02)
        nn.init.normal_(self.lm_head.weight, std=factor * 1.0)

    def forward(self, ids):
        h = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        h = self.blocks(h, mask=self.mask[:ids.shape[1], :ids.shape[1]], is_causal=True)
        return self.lm_head(self.norm(h))


# ----------------------------------------------------------------------- training


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    total, count = 0.0, 0
    for x, y in loader:
        total += F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction='sum').item()
        count += y.numel()
    return total / count


def main(vocab=64, length=24, epochs=5, lr=1e-3):
    torch.manual_seed(42)
    train_loader = DataLoader(MarkovText(vocab, 2400, length, 1), batch_size=32, shuffle=True)
    val_loader = DataLoader(MarkovText(vocab, 300, length, 2), batch_size=100)
    model = DecoderLM(vocab, length=length)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.01}, {'params': rest, 'weight_decay': 0.0}], lr=lr)
    steps = epochs * len(train_loader)
    warmup = 30
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warmup, 0.5 * (1 + math.cos(math.pi * s / steps)) * 0.95 + 0.05))
    print(f'before training: val loss {evaluate(model, val_loader):.3f}, uniform would be {math.log(vocab):.3f}')
    for epoch in range(1, epochs + 1):
        model.train()
        running = 0.0
        for x, y in train_loader:
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            running += loss.item()
        val = evaluate(model, val_loader)
        print(f'epoch {epoch}: train loss {running / len(train_loader):.3f}, val loss {val:.3f}, perplexity {math.exp(val):.2f}')


main()
