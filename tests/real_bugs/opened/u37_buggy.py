"""Domain classifier on feature vectors with a polynomial learning-rate decay."""
import argparse

import torch
from torch import nn, optim
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset


def features(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(7, 32, generator=torch.Generator().manual_seed(110))
    y = torch.randint(0, 7, (n,), generator=g)
    x = 0.45 * centres[y] + torch.randn(n, 32, generator=g)
    return TensorDataset(x, y)


class BottleneckClassifier(nn.Module):
    def __init__(self, n_in, bottleneck, classes):
        super().__init__()
        self.bottleneck = nn.Sequential(nn.Linear(n_in, bottleneck), nn.ReLU())
        self.head = nn.Linear(bottleneck, classes)

    def forward(self, x):
        f = self.bottleneck(x)
        return self.head(f), f


def main(args):
    torch.manual_seed(args.seed)
    train_loader = DataLoader(features(2500, 1), batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(features(700, 2), batch_size=350)
    model = BottleneckClassifier(32, 64, 7)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = LambdaLR(
        optimizer,
        lambda it: args.lr * (1.0 + args.lr_gamma * it) ** (-args.lr_decay),
    )
    criterion = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            out, _ = model(x)
            loss = criterion(out, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x)[0].argmax(1) == y).sum().item() for x, y in val_loader) / 700
        print(f"Epoch: [{epoch}] loss {total / len(train_loader):.4f} val acc {100 * acc:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--lr-gamma", type=float, default=0.005)
    parser.add_argument("--lr-decay", type=float, default=0.75)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=111)
    main(parser.parse_args())
