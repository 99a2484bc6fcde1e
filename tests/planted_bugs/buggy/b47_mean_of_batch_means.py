"""Clusters with 8 classes; the held-out set is sorted by difficulty and does not divide by the batch size."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 47
LINE = "return torch.stack([r.mean() for r in right]).mean().item()"
CAUSE = "the accuracy is the mean of batch means although the last batch is small"
CHECKS = ("loop_equals_vectorised",)
VISIBLE = True

COLUMNS = 16


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 0.9 * torch.randn(8, COLUMNS, generator=torch.Generator().manual_seed(8))
    y = torch.randint(8, (n,), generator=g)
    return (centres[y] + torch.randn(n, COLUMNS, generator=g)) / 1.35, y


def held_out():
    """260 samples; the ones nearest to the border come last."""
    x, y = clusters(260, 1)
    centres = torch.stack([x[y == k].mean(0) for k in range(8)])
    near = torch.cdist(x, centres).topk(2, largest=False).values
    order = (near[:, 1] - near[:, 0]).argsort(descending=True)
    return x[order], y[order]


def make_model():
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 8))


def loaders():
    train = DataLoader(TensorDataset(*clusters(1600, 0)), batch_size=64, shuffle=True)
    return train, DataLoader(TensorDataset(*held_out()), batch_size=64)


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    right = [(model(x).argmax(1) == y).float() for x, y in loader]
    model.train()
    return torch.stack([r.mean() for r in right]).mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 8,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
