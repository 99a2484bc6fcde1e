"""Clips of feature vectors are classified; the rate is halved when validation accuracy stands still."""
import argparse

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


def clips(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    centres = torch.randn(5, 16, generator=torch.Generator().manual_seed(7))
    x = centres[y][:, None] + 2.5 * torch.randn(n, 8, 16, generator=g)
    return TensorDataset(x, y)


class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(16, 32), nn.GELU())
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        return self.head(self.frame(x).mean(1))


def train_epoch(model, loader, criterion, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    correct = total = 0
    for x, y in loader:
        predicted = model(x).argmax(dim=1)
        correct += (predicted == y).sum().item()
        total += y.size(0)
    return 100.0 * correct / total


def main(args):
    torch.manual_seed(args.seed)
    train, val = DataLoader(clips(600, 1), 32, shuffle=True), DataLoader(clips(400, 2), 100)
    model, criterion = Pooling(), nn.CrossEntropyLoss()
    optimizer = optim.AdamW(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.2)
    for epoch in range(args.epochs):
        train_epoch(model, train, criterion, optimizer)
        acc = accuracy(model, val)
        scheduler.step(acc)
        print(f"epoch {epoch}: accuracy {acc:.2f}, lr {optimizer.param_groups[0]['lr']:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
