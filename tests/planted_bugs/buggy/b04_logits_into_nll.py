"""Six clusters in a table of 12 columns: a three-layer classifier."""

import torch
from torch import nn

BUG = 4
LINE = "loss_function = nn.NLLLoss()"
CAUSE = "raw logits into NLL"
CHECKS = ("loss_at_init", "output_scale")
VISIBLE = True

COLUMNS = 12


def make_table(n=1500, classes=6, seed=4):
    """Clusters on a bent surface: linear centres plus a quadratic twist and noise; columns have unit variance."""
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, COLUMNS, generator=g)
    y = torch.randint(classes, (n,), generator=g)
    x = centres[y] + 0.9 * torch.randn(n, COLUMNS, generator=g)
    x[:, 0] += 0.5 * x[:, 1] ** 2
    x = (x - x.mean(0)) / x.std(0)
    return x, y


def network():
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 6))


loss_function = nn.NLLLoss()


def fit(model, optimizer, batches):
    for x, y in batches:
        loss = loss_function(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def score(model, batches):
    with torch.inference_mode():
        return torch.cat([(model(x).argmax(1) == y).double() for x, y in batches]).mean().item()


def split():
    x, y = make_table()
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def shuffled(x, y, size=60):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def main():
    torch.manual_seed(11)
    train, held_out = split()
    model = network()
    optimizer = adam(model)
    for epoch in range(8):
        print("epoch", epoch, "loss", round(fit(model, optimizer, shuffled(*train)), 4))
    print("accuracy", round(score(model, [held_out]), 3))


def build():
    torch.manual_seed(11)
    train, held_out = split()
    return {
        "model": network(),
        "factory": network,
        "loss_fn": loss_function,
        "batches": shuffled(*train),
        "validation": [held_out],
        "num_classes": 6,
        "optimizer": adam,
        "train_epoch": fit,
        "evaluate": score,
    }


if __name__ == "__main__":
    main()
