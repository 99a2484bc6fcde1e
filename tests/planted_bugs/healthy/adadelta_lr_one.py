"""Digits LeNet with Adadelta at its usual learning rate of 1.0 and a decay per epoch."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

TRAP = "Adadelta with lr 1.0, its usual value"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(128, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = F.max_pool2d(x, 2).flatten(1)
        return F.log_softmax(self.fc2(self.dropout(F.relu(self.fc1(x)))), dim=1)


def train(model, optimizer, loader):
    model.train()
    total = 0.0
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def test(model, loader):
    model.eval()
    correct = count = 0
    with torch.no_grad():
        for data, target in loader:
            correct += (model(data).argmax(1) == target).sum().item()
            count += len(target)
    return correct / count


def loaders(batch_size, seed):
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017).unsqueeze(1)
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    a, b = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[a], y[a]), batch_size, shuffle=True), DataLoader(TensorDataset(x[b], y[b]), 360)


def make_optimizer(model):
    return torch.optim.Adadelta(model.parameters(), lr=1.0)


def parse(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--gamma", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main():
    args = parse()
    torch.manual_seed(args.seed)
    train_loader, test_loader = loaders(args.batch_size, args.seed)
    model = Net()
    optimizer = make_optimizer(model)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(args.epochs):
        print(f"epoch {epoch} loss {train(model, optimizer, train_loader):.4f}")
        scheduler.step()
    print(f"accuracy {test(model, test_loader):.3f}")


def build():
    args = parse([])
    torch.manual_seed(args.seed)
    train_loader, test_loader = loaders(args.batch_size, args.seed)
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.nll_loss,
        "batches": train_loader,
        "validation": test_loader,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train,
        "evaluate": test,
    }


if __name__ == "__main__":
    main()
