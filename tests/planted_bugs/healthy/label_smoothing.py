"""Six clusters, cross-entropy with label smoothing 0.1 and AdamW."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "label smoothing: the loss has a floor well above zero"


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.2 * torch.randn(6, 12, generator=torch.Generator().manual_seed(60))
    y = torch.randint(6, (n,), generator=g)
    return TensorDataset((centres[y] + torch.randn(n, 12, generator=g)) / 1.5, y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 6))

    def forward(self, x):
        return self.layers(x)


loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)


def loaders():
    return DataLoader(clusters(1200, 0), batch_size=40, shuffle=True), DataLoader(clusters(300, 1), batch_size=100)


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 6,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
