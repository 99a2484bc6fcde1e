"""Outcome prediction from patient records; one in fifteen patients has the outcome, classes are rebalanced in training."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

CONFIG = {"epochs": 8, "batch_size": 128, "lr": 1e-3, "balanced_sampler": True,
          "loss_weighting": False}


def patients(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(15, generator=torch.Generator().manual_seed(350)) / 15 ** 0.5
    x = torch.randn(n, 15, generator=g)
    score = 2.2 * (x @ w) + 0.9 * x[:, 0] * x[:, 1] - 4.0
    return x, torch.bernoulli(score.sigmoid(), generator=g)


def make_loader(x, y, config):
    sampler = None
    if config["balanced_sampler"]:
        share = y.mean()
        weights = torch.where(y == 1, 1 / share, 1 / (1 - share))
        sampler = WeightedRandomSampler(weights.double(), num_samples=len(y), replacement=True)
    return DataLoader(TensorDataset(x, y), batch_size=config["batch_size"], sampler=sampler, shuffle=sampler is None)


def make_loss(y, config):
    weight = (y == 0).sum() / (y == 1).sum() if config["loss_weighting"] else None
    return nn.BCEWithLogitsLoss(pos_weight=weight)


@torch.no_grad()
def report(model, x, y):
    model.eval()
    p = model(x).squeeze(1).sigmoid()
    hit = (p > 0.5).float()
    recall = (hit * y).sum() / y.sum()
    specificity = ((1 - hit) * (1 - y)).sum() / (1 - y).sum()
    return recall.item(), specificity.item()


def main(config):
    torch.manual_seed(351)
    x, y = patients(10000, 1)
    xv, yv = patients(4000, 2)
    loader = make_loader(x, y, config)
    criterion = make_loss(y, config)
    model = nn.Sequential(nn.Linear(15, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=0.01)
    for epoch in range(config["epochs"]):
        model.train()
        total = 0.0
        for a, b in loader:
            loss = criterion(model(a).squeeze(1), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        recall, specificity = report(model, xv, yv)
        print(f"epoch {epoch} loss {total / len(loader):.4f} recall {recall:.3f} specificity {specificity:.3f} "
              f"balanced accuracy {(recall + specificity) / 2:.3f}")


if __name__ == "__main__":
    main(CONFIG)
