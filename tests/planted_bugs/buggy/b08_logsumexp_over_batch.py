"""Numerically stable cross-entropy written out by hand, on clusters with 7 classes."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 8
LINE = "normaliser = torch.logsumexp(logits, dim=0)"
CAUSE = "the log-sum-exp runs over the batch axis instead of the classes"
CHECKS = ("loss_reduction", "loop_equals_vectorised")
VISIBLE = True


def stable_cross_entropy(logits, y):
    """logits (N, K), y (N,) -> scalar."""
    picked = logits.gather(1, y.unsqueeze(1)).squeeze(1)
    normaliser = torch.logsumexp(logits, dim=0)
    return normaliser.mean() - picked.mean()


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.3 * torch.randn(7, 10, generator=torch.Generator().manual_seed(99))
    y = torch.randint(7, (n,), generator=g)
    x = centres[y] + torch.randn(n, 10, generator=g)
    return TensorDataset(x / 1.6, y)


def make_model():
    return nn.Sequential(nn.Linear(10, 50), nn.ELU(), nn.Linear(50, 7))


class Config:
    epochs = 12
    batch_size = 25
    lr = 3e-3


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=Config.lr)


def step(model, optimizer, x, y):
    loss = stable_cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    right = count = 0
    for x, y in loader:
        right += int((model(x).argmax(1) == y).sum())
        count += len(y)
    return right / count


def main():
    torch.manual_seed(1)
    train = DataLoader(clusters(1000, 0), Config.batch_size, shuffle=True)
    test = DataLoader(clusters(500, 1), Config.batch_size)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(Config.epochs):
        losses = [step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch}: loss = {sum(losses) / len(losses):.4f}")
    print(f"accuracy = {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(1)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": stable_cross_entropy,
        "batches": DataLoader(clusters(1000, 0), Config.batch_size, shuffle=True),
        "validation": DataLoader(clusters(500, 1), Config.batch_size),
        "num_classes": 7,
        "optimizer": make_optimizer,
        "train_step": step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
