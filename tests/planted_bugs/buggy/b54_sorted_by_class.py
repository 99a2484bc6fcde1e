"""Digits read folder by folder, in the order of the class names."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 54
LINE = "train = DataLoader(read_folders(train=True), batch_size)"
CAUSE = "the training batches come unshuffled, sorted by class"
CHECKS = ("class_balance",)
VISIBLE = True


def read_folders(train):
    """All figures of class 0, then of class 1, ...; every fifth figure of a folder is for testing."""
    bunch = load_digits()
    images, labels = [], []
    for name in range(10):
        folder = torch.tensor(bunch.images[bunch.target == name], dtype=torch.float32)
        chosen = (torch.arange(len(folder)) % 5 != 4) == train
        images.append((folder[chosen].unsqueeze(1) / 16 - 0.305) / 0.376)
        labels.append(torch.full((len(images[-1]),), name))
    return TensorDataset(torch.cat(images), torch.cat(labels))


def loaders(batch_size=32):
    train = DataLoader(read_folders(train=True), batch_size)
    return train, DataLoader(read_folders(train=False), batch_size)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.fc = nn.Linear(20 * 16, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        return self.fc(x.flatten(1))


def train_epoch(model, optimizer, loader):
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(5):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
