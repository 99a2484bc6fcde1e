"""Detects defects on a production line (synthetic, 10 measurements); 4 % of the parts are faulty."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 53
LINE = "return DataLoader(TensorDataset(x, y), batch_size, shuffle=True)"
CAUSE = "96 % of the samples are of one class, and nothing balances the batches"
CHECKS = ("class_balance",)
VISIBLE = True


def parts(n, seed, faulty=0.04):
    g = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, generator=g) < faulty).long()
    x = torch.randn(n, 10, generator=g)
    x[:, :4] += 1.1 * y[:, None]
    return x, y


def train_loader(x, y, batch_size=50):
    return DataLoader(TensorDataset(x, y), batch_size, shuffle=True)


def make_model():
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def balanced_accuracy(model, loader):
    """Mean of the two recalls."""
    hit = torch.cat([model(x).argmax(1) == y for x, y in loader])
    y = torch.cat([y for _, y in loader])
    return (hit[y == 0].float().mean() + hit[y == 1].float().mean()).item() / 2


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def test_loader():
    return DataLoader(TensorDataset(*parts(1500, 1)), batch_size=500)


def main():
    torch.manual_seed(0)
    train = train_loader(*parts(1500, 0))
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"balanced accuracy {balanced_accuracy(model, test_loader()):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": train_loader(*parts(1500, 0)),
        "validation": test_loader(),
        "num_classes": 2,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": balanced_accuracy,
    }


if __name__ == "__main__":
    main()
