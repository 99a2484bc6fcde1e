"""Extra decoding heads on a small frozen language model: head k guesses the token k+2 steps ahead."""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, HIDDEN, HEADS, DEPTH, LENGTH = 24, 48, 3, 3, 32


class GrammarSampler:
    """Second-order Markov text."""

    def __init__(self, seed):
        w = torch.Generator().manual_seed(100)
        self.table = (3.0 * torch.randn(VOCAB, VOCAB, VOCAB, generator=w)).softmax(-1)
        self.g = torch.Generator().manual_seed(seed)

    def __call__(self, n):
        out = torch.randint(0, VOCAB, (n, 2), generator=self.g)
        for _ in range(LENGTH - 2):
            p = self.table[out[:, -2], out[:, -1]]
            out = torch.cat([out, torch.multinomial(p, 1, generator=self.g)], 1)
        return out


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCAB, HIDDEN)
        self.rnn = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.lm_head = nn.Linear(HIDDEN, VOCAB)

    def forward(self, ids):
        return self.rnn(self.embed_tokens(ids))[0]


class ResBlock(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.linear = nn.Linear(hidden_size, hidden_size)
        nn.init.zeros_(self.linear.weight)
        self.act = nn.SiLU()

    def forward(self, x):
        return x + self.act(self.linear(x))


class MedusaModel(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.medusa_head = nn.ModuleList(
            [
                nn.Sequential(
                    *[ResBlock(HIDDEN) for _ in range(DEPTH)],
                    nn.Linear(HIDDEN, VOCAB, bias=False),
                )
                for _ in range(HEADS)
            ]
        )

    def forward(self, ids):
        with torch.no_grad():
            h = self.base(ids)
        return [head(h) for head in self.medusa_head]


def medusa_loss(logits, ids):
    losses = []
    for k, lg in enumerate(logits):
        shift = k + 2
        losses.append(F.cross_entropy(lg[:, :-shift].reshape(-1, VOCAB), ids[:, shift:].reshape(-1)))
    return losses


def main():
    torch.manual_seed(40)
    text, val = GrammarSampler(41), GrammarSampler(42)(200)
    base = Backbone()
    opt = torch.optim.Adam(base.parameters(), lr=4e-3)
    for step in range(1, 201):
        ids = text(32)
        loss = F.cross_entropy(base.lm_head(base(ids[:, :-1])).reshape(-1, VOCAB), ids[:, 1:].reshape(-1))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            print(f"base step {step} loss {loss.item():.4f}")
    for p in base.parameters():
        p.requires_grad_(False)

    model = MedusaModel(base)
    trainable = [p for p in model.parameters() if p.requires_grad]
    print("trainable parameters:", sum(p.numel() for p in trainable))
    opt = torch.optim.AdamW(trainable, lr=3e-3, weight_decay=0.0)
    for step in range(1, 301):
        ids = text(32)
        loss = sum(0.8 ** k * l for k, l in enumerate(medusa_loss(model(ids), ids)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 60 == 0:
            with torch.no_grad():
                parts = medusa_loss(model(val), val)
            print(f"step {step} loss {loss.item():.4f} val " + " ".join(f"head{k} {l:.4f}" for k, l in enumerate(parts)))


main()
