"""Digits ConvNet with a custom initialisation."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 31
LINE = "nn.init.normal_(m.weight, std=1.0)"
CAUSE = "the initial weights are far too large"
CHECKS = ("loss_at_init", "init_scale", "output_init")
VISIBLE = True


class ConvNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU())
        self.block2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Linear(32 * 16, classes)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(m.weight, std=1.0)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.block2(self.block1(x))
        return self.classifier(x.flatten(1))


def data(batch_size=64):
    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32)[:, None]
    x = (x - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(3))
    a, b = order[:1437], order[1437:]
    return (
        DataLoader(TensorDataset(x[a], y[a]), batch_size=batch_size, shuffle=True),
        DataLoader(TensorDataset(x[b], y[b]), batch_size=batch_size),
    )


loss_fn = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def train_epoch(model, optimizer, loader):
    model.train()
    total, n = 0.0, 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        n += len(y)
    return total / n


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return correct / sum(len(y) for _, y in loader)


def main():
    torch.manual_seed(0)
    train_loader, test_loader = data()
    model = ConvNet()
    optimizer = make_optimizer(model)
    for epoch in range(4):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train_loader):.4f}")
    print(f"accuracy {evaluate(model, test_loader):.3f}")


def build():
    torch.manual_seed(0)
    train_loader, test_loader = data()
    return {
        "model": ConvNet(),
        "factory": ConvNet,
        "loss_fn": loss_fn,
        "batches": train_loader,
        "validation": test_loader,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
