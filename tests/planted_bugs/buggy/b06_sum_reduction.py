"""Digits ConvNet with SGD; the learning rate was taken over from a colleague's script."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

BUG = 6
LINE = 'criterion = nn.CrossEntropyLoss(reduction="sum")'
CAUSE = "the loss is summed over the batch: the step grows with the batch size"
CHECKS = ("loss_reduction", "loss_at_init")
VISIBLE = True


class Digits(Dataset):
    def __init__(self, train):
        raw = load_digits()
        order = torch.randperm(len(raw.target), generator=torch.Generator().manual_seed(9))
        keep = order[:1437] if train else order[1437:]
        self.images = torch.tensor(raw.images, dtype=torch.float32)[keep].unsqueeze(1) / 16
        self.labels = torch.tensor(raw.target)[keep]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return (self.images[i] - 0.305) / 0.376, self.labels[i]


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3)
        self.conv2 = nn.Conv2d(16, 16, 3)
        self.fc = nn.Linear(16 * 16, 10)
        self.act = nn.ReLU()

    def forward(self, x):
        x = self.act(self.conv2(self.act(self.conv1(x))))
        return self.fc(x.flatten(1))


criterion = nn.CrossEntropyLoss(reduction="sum")
BATCH = 64


def optimizer_for(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)


def train_one_epoch(model, optimizer, loader):
    model.train()
    losses = []
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    correct = total = 0
    for images, labels in loader:
        correct += (model(images).argmax(1) == labels).sum().item()
        total += labels.numel()
    return correct / total


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(Digits(True), batch_size=BATCH, shuffle=True)
    test_loader = DataLoader(Digits(False), batch_size=BATCH)
    net = ConvNet()
    optimizer = optimizer_for(net)
    for epoch in range(5):
        loss = train_one_epoch(net, optimizer, train_loader)
        print(f"epoch {epoch + 1} | loss {loss:.4f}")
    print(f"test accuracy {evaluate(net, test_loader):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": ConvNet(),
        "factory": ConvNet,
        "loss_fn": criterion,
        "batches": DataLoader(Digits(True), batch_size=BATCH, shuffle=True),
        "validation": DataLoader(Digits(False), batch_size=BATCH),
        "num_classes": 10,
        "optimizer": optimizer_for,
        "train_epoch": train_one_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
