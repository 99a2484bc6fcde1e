"""Spam filter on word counts (synthetic): an MLP with dropout."""

import torch
import torch.nn.functional as F
from torch import nn

BUG = 42
LINE = "hits = torch.cat([model(x).argmax(1) == y for x, y in batches])"
CAUSE = "the model is evaluated in training mode: dropout is on"
CHECKS = ("mode_toggles",)
VISIBLE = True

VOCABULARY = 60


def messages(n, seed):
    """Word counts of n messages of 40 words; four topics share most of their words."""
    g = torch.Generator().manual_seed(seed)
    logits = 0.45 * torch.randn(4, VOCABULARY, generator=torch.Generator().manual_seed(31))
    y = torch.randint(4, (n,), generator=g)
    words = torch.multinomial(torch.softmax(logits, 1)[y], 40, replacement=True, generator=g)
    counts = F.one_hot(words, VOCABULARY).sum(1).float()
    return (counts - 40 / VOCABULARY) / 0.85, y


class SpamNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(VOCABULARY, 64),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, 4),
        )

    def forward(self, x):
        return self.layers(x)


def loader(x, y, size=40):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def fit_epoch(model, optimizer, batches):
    model.train()
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def score(model, batches):
    with torch.no_grad():
        hits = torch.cat([model(x).argmax(1) == y for x, y in batches])
    return hits.float().mean().item()


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = messages(1200, 0), messages(400, 1)
    model = SpamNet()
    optimizer = adam(model)
    for epoch in range(12):
        print(f"epoch {epoch} loss {fit_epoch(model, optimizer, loader(*train)):.4f}")
    print(f"accuracy {score(model, loader(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": SpamNet(),
        "factory": SpamNet,
        "loss_fn": F.cross_entropy,
        "batches": loader(*messages(1200, 0)),
        "validation": loader(*messages(400, 1)),
        "num_classes": 4,
        "optimizer": adam,
        "train_epoch": fit_epoch,
        "evaluate": score,
    }


if __name__ == "__main__":
    main()
