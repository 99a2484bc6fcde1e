"""Digits with random shifts and rotations (torchvision transforms) in training."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

augmented = v2.Compose([v2.RandomAffine(degrees=15, translate=(0.12, 0.12)), v2.Normalize([0.305], [0.376])])
plain = v2.Normalize([0.305], [0.376])


class Digits(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.labels[i]


def raw_splits():
    bunch = load_digits()
    x, y = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))[:1000]
    train, val = order[:700], order[700:]
    return {"train_x": x[train], "train_y": y[train], "val_x": x[val], "val_y": y[val]}


def loaders(raw):
    train = Digits(raw["train_x"], raw["train_y"], augmented)
    val = Digits(raw["val_x"], raw["val_y"], plain)
    return DataLoader(train, batch_size=50, shuffle=True), DataLoader(val, batch_size=100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 16, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        return self.fc(F.max_pool2d(x, 2).flatten(1))


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, val = loaders(raw_splits())
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(5):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, val):.3f}")


def build():
    torch.manual_seed(0)
    raw = raw_splits()
    train, val = loaders(raw)
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": val,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
        "raw": raw,
        "preprocess_train": lambda x: torch.stack([train.dataset.transform(image) for image in x]),
        "preprocess_eval": lambda x: torch.stack([val.dataset.transform(image) for image in x]),
    }


if __name__ == "__main__":
    main()
