"""A backbone learnt on eight of the digits is frozen; a new head learns the two others."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TRAP = "a frozen, pretrained backbone; the optimiser covers the head only"


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 96), nn.ReLU())
        self.head = nn.Linear(96, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(bunch.data, dtype=torch.float32)[order] - 4.884) / 6.017
    return x, torch.tensor(bunch.target)[order]


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def pretrained_backbone():
    x, y = load()
    known = y < 8
    model = Net(8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(5):
        train_epoch(model, optimizer, batches(x[known][:900], y[known][:900]))
    return model.backbone.state_dict()


def transfer(weights):
    model = Net(2)
    model.backbone.load_state_dict(weights)
    model.backbone.requires_grad_(False)
    return model


def eight_or_nine():
    x, y = load()
    new = y >= 8
    x, y = x[new], y[new] - 8
    return batches(x[:250], y[:250]), batches(x[250:], y[250:])


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def head_optimizer(model):
    return torch.optim.Adam(model.head.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    model = transfer(pretrained_backbone())
    train, test = eight_or_nine()
    optimizer = head_optimizer(model)
    for epoch in range(15):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    weights = pretrained_backbone()
    train, test = eight_or_nine()
    return {
        "model": transfer(weights),
        "factory": lambda: transfer(weights),
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 2,
        "optimizer": head_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
