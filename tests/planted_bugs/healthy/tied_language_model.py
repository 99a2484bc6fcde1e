"""A GRU language model on made-up words; the output layer is the embedding itself."""

import torch
import torch.nn as nn
import torch.nn.functional as F

TRAP = "tied embedding and output layer"
LETTERS, LENGTH = 12, 20


def words(n, seed):
    """Strings of a random grammar in which each letter has two or three likely followers."""
    g = torch.Generator().manual_seed(seed)
    chain = torch.softmax(3 * torch.randn(LETTERS, LETTERS, generator=torch.Generator().manual_seed(1)), 1)
    x = torch.randint(LETTERS, (n, 1), generator=g)
    for _ in range(LENGTH):
        x = torch.cat([x, torch.multinomial(chain[x[:, -1]], 1, generator=g)], 1)
    return x[:, :-1], x[:, 1:]


class TiedLM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, LETTERS)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        states, _ = self.gru(self.embedding(tokens))
        return self.output(states)


def loss_fn(logits, y):
    return F.cross_entropy(logits.reshape(-1, LETTERS), y.reshape(-1))


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def hits(model, loader):
    return torch.cat([(model(x).argmax(-1) == y).flatten() for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    model = TiedLM()
    optimizer = make_optimizer(model)
    train = words(640, 0)
    for epoch in range(5):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"next-letter hits {hits(model, batches(*words(100, 1))):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": TiedLM(),
        "factory": TiedLM,
        "loss_fn": loss_fn,
        "batches": batches(*words(640, 0)),
        "validation": batches(*words(100, 1)),
        "num_classes": LETTERS,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
