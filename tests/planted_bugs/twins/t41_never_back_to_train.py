"""Digits ConvNet with BatchNorm and dropout, evaluated after every epoch."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16 * 16, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(self.drop(x.flatten(1)))


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    train, test = order[:1437], order[1437:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size=64, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size=120),
    )


criterion = nn.CrossEntropyLoss()


def train(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def evaluate(model, loader):
    model.eval()
    correct = count = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            count += len(y)
    return correct / count


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def main():
    torch.manual_seed(0)
    train_loader, test_loader = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(5):
        loss = train(model, optimizer, train_loader)
        print(f"epoch {epoch} loss {loss:.4f} val accuracy {evaluate(model, test_loader):.3f}")
    print(f"accuracy {evaluate(model, test_loader):.3f}")


def build():
    torch.manual_seed(0)
    train_loader, test_loader = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": criterion,
        "batches": train_loader,
        "validation": test_loader,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
