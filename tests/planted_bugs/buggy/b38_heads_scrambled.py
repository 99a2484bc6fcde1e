"""A small causal language model on made-up sentences (a stochastic grammar of 20 words)."""

import torch
import torch.nn.functional as F
from torch import nn

BUG = 38
LINE = "return x.contiguous().view(n, HEADS, steps, WIDTH // HEADS)"
CAUSE = "the heads are made with view instead of a transpose: steps are scrambled and the causal mask leaks"
CHECKS = ("causal_dependence",)
VISIBLE = True

WORDS, LENGTH, WIDTH, HEADS = 20, 16, 32, 4


def sentences(n, seed):
    """Each word has three likely successors."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randn(WORDS, WORDS, generator=torch.Generator().manual_seed(5)) * 2.5
    chain = torch.softmax(table, 1)
    x = torch.randint(WORDS, (n, 1), generator=g)
    for _ in range(LENGTH):
        x = torch.cat([x, torch.multinomial(chain[x[:, -1]], 1, generator=g)], 1)
    return x[:, :-1], x[:, 1:]


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.merge = nn.Linear(WIDTH, WIDTH)

    def heads(self, x):
        n, steps, _ = x.shape
        return x.contiguous().view(n, HEADS, steps, WIDTH // HEADS)

    def forward(self, x):
        q, k, v = (self.heads(part) for part in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.merge(y.transpose(1, 2).reshape(x.shape))


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = SelfAttention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, tokens):
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.out(x)


def loss_fn(logits, y):
    return F.cross_entropy(logits.reshape(-1, WORDS), y.reshape(-1))


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train_step(model, optimizer, x, y):
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def accuracy(model, loader):
    """Share of words predicted, among the seven first of a sentence generated one word at a time."""
    hits = []
    with torch.no_grad():
        for x, y in loader:
            hits += [model(x[:, : t + 1])[:, -1].argmax(-1) == y[:, t] for t in range(7)]
    return torch.cat(hits).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    model = LanguageModel()
    optimizer = make_optimizer(model)
    train = sentences(640, 0)
    for epoch in range(6):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"next-word hits {accuracy(model, batches(*sentences(128, 1))):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": LanguageModel(),
        "factory": LanguageModel,
        "loss_fn": loss_fn,
        "batches": batches(*sentences(640, 0)),
        "validation": batches(*sentences(128, 1)),
        "num_classes": WORDS,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
