"""Attention pooling: one step of each sequence is marked, and its content gives the class."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS, CLASSES, FEATURES = 10, 5, 8


def make_sequences(n, seed):
    """x (n, STEPS, FEATURES): every step carries a class direction, only the marked step's counts."""
    g = torch.Generator().manual_seed(seed)
    content = torch.randint(CLASSES, (n, STEPS), generator=g)
    marked = torch.randint(STEPS, (n,), generator=g)
    x = 0.3 * torch.randn(n, STEPS, FEATURES, generator=g)
    x[:, :, :CLASSES] += 2 * nn.functional.one_hot(content, CLASSES)
    x[torch.arange(n), marked, -1] += 3
    return x, content[torch.arange(n), marked]


class AttentionPool(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.score = nn.Linear(features, 1)

    def forward(self, h):
        weights = torch.softmax(self.score(h), dim=1)
        return (weights * h).sum(1)


class SequenceClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(FEATURES, 32)
        self.pool = AttentionPool(32)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x):
        return self.head(self.pool(torch.tanh(self.embed(x))))


def loaders():
    train = DataLoader(TensorDataset(*make_sequences(1200, 0)), batch_size=40, shuffle=True)
    return train, DataLoader(TensorDataset(*make_sequences(400, 1)), batch_size=40)


loss_fn = nn.CrossEntropyLoss()


def run_epoch(model, optimizer, loader):
    model.train()
    running = seen = 0
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(y)
        seen += len(y)
    return running / seen


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = torch.cat([model(x).argmax(1) == y for x, y in loader])
    return hits.float().mean().item()


def adamw(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(3)
    train, validation = loaders()
    model = SequenceClassifier()
    optimizer = adamw(model)
    for epoch in range(15):
        print(f"epoch {epoch:2d}  loss {run_epoch(model, optimizer, train):.4f}")
    print(f"validation accuracy {accuracy(model, validation):.3f}")


def build():
    torch.manual_seed(3)
    train, validation = loaders()
    return {
        "model": SequenceClassifier(),
        "factory": SequenceClassifier,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": validation,
        "num_classes": CLASSES,
        "optimizer": adamw,
        "train_epoch": run_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
