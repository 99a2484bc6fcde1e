"""Sequence tagging by a tiny transformer encoder with a linear warm-up: is a token the running maximum?"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

BUG = 27
LINE = "self.scheduler = LambdaLR(self.optimizer, lambda step: min(1.0, (step + 1) / WARMUP))"
CAUSE = "the warm-up schedule is made but never stepped"
CHECKS = ("lr_verdict",)
VISIBLE = False

VOCABULARY, LENGTH, WARMUP = 16, 10, 200


def sequences(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(VOCABULARY, (n, LENGTH), generator=g)
    return x, (x == x.max(1, keepdim=True).values).long()


class Tagger(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        layer = nn.TransformerEncoderLayer(width, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.out = nn.Linear(width, 2)

    def forward(self, tokens):
        return self.out(self.encoder(self.embed(tokens)))


def loss_fn(logits, y):
    return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())


class Run:
    def __init__(self, model, epochs):
        self.model, self.epochs = model, epochs
        self.optimizer = make_optimizer(model)
        self.scheduler = LambdaLR(self.optimizer, lambda step: min(1.0, (step + 1) / WARMUP))

    def fit(self, x, y):
        for epoch in range(self.epochs):
            for a, b in batches(x, y):
                loss = step(self.model, self.optimizer, a, b)
            print(f"epoch {epoch} loss {loss.item():.4f}")


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def batches(x, y):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(32)]


@torch.no_grad()
def accuracy(model, x, y):
    return (model(x).argmax(-1) == y).all(1).float().mean().item()


def main():
    torch.manual_seed(0)
    model = Tagger()
    Run(model, epochs=8).fit(*sequences(1280, 0))
    print(f"accuracy (whole sequences) {accuracy(model, *sequences(300, 1)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Tagger(),
        "factory": Tagger,
        "loss_fn": loss_fn,
        "batches": batches(*sequences(1280, 0)),
        "validation": [sequences(300, 1)],
        "num_classes": 2,
        "optimizer": make_optimizer,
        "train_step": step,
    }


if __name__ == "__main__":
    main()
