"""A backbone trained on digits is frozen; a new head learns three groups of them from few figures, in small batches."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

BUG = 44
LINE = "model.train()"
CAUSE = "the BatchNorm statistics of the frozen backbone go on updating"
CHECKS = ("mode_toggles",)
VISIBLE = True


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(24 * 16, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(bunch.images, dtype=torch.float32)[order][:, None] - 4.884) / 6.017
    return x, torch.tensor(bunch.target)[order]


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def pretrain():
    x, y = load()
    model = Net(10)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(2):
        for a, b in batches(x[:900], y[:900]):
            step(model, optimizer, a, b)
    return model.backbone.state_dict()


def transfer(weights):
    """Frozen backbone, new head for three groups of figures."""
    model = Net(3)
    model.backbone.load_state_dict(weights)
    for p in model.backbone.parameters():
        p.requires_grad_(False)
    return model


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        total += step(model, optimizer, x, y).item()
    return total / len(loader)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def head_optimizer(model):
    return torch.optim.Adam(model.head.parameters(), lr=3e-3)


def new_task():
    x, y = load()
    x, y = x[900:], y[900:] % 3
    return batches(x[:400], y[:400], 4), batches(x[400:], y[400:])


def main():
    torch.manual_seed(0)
    model = transfer(pretrain())
    train, test = new_task()
    optimizer = head_optimizer(model)
    for epoch in range(4):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    weights = pretrain()
    train, test = new_task()
    return {
        "model": transfer(weights),
        "factory": lambda: transfer(weights),
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 3,
        "optimizer": head_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
