"""Digits with a ConvNet, SGD and a training loop in one function."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


def digits_loaders(batch_size=64):
    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
    x = (x / 16 - 0.305) / 0.376
    y = torch.tensor(bunch.target)
    g = torch.Generator().manual_seed(0)
    train, test = torch.utils.data.random_split(TensorDataset(x, y), [1437, 360], generator=g)
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, 360)


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    outputs = model(x)
    loss = criterion(outputs, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def accuracy(model, loader):
    correct = 0
    total = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            total += y.size(0)
    return correct / total


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def main():
    torch.manual_seed(0)
    train_loader, test_loader = digits_loaders()
    net = Net()
    optimizer = make_optimizer(net)
    for epoch in range(5):
        running_loss = 0.0
        for x, y in train_loader:
            running_loss += train_step(net, optimizer, x, y).item()
        print(f"epoch {epoch + 1} loss {running_loss / len(train_loader):.3f}")
    print(f"accuracy {accuracy(net, test_loader):.3f}")


def build():
    torch.manual_seed(0)
    train_loader, test_loader = digits_loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": criterion,
        "batches": train_loader,
        "validation": test_loader,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
