"""Arrows pointing left, right, up or down (1x13x13, noisy), with random flips as augmentation."""

import torch
from torch import nn

BUG = 58
LINE = "return x, y"
CAUSE = "the random flip turns left arrows into right ones and keeps the label"
CHECKS = ("augmentation_keeps_label",)
VISIBLE = True

NAMES = ("left", "right", "up", "down")


def arrow():
    """An arrow that points right, 7x7."""
    a = torch.zeros(7, 7)
    a[3, :] = 1
    for i in (1, 2, 3):
        a[3 - i, 6 - i] = a[3 + i, 6 - i] = 1
    return a


def arrows(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    right = arrow()
    kinds = torch.stack([right.flip(1), right, right.t().flip(0), right.t()])
    x = torch.zeros(n, 1, 13, 13)
    for i, (row, column) in enumerate(torch.randint(7, (n, 2), generator=g).tolist()):
        x[i, 0, row : row + 7, column : column + 7] = kinds[y[i]]
    return (x + 0.2 * torch.randn(n, 1, 13, 13, generator=g) - 0.077) / 0.33, y


def augment(x, y):
    """Half of the pictures are mirrored."""
    mirrored = torch.rand(len(x)) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    return x, y


class ArrowNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.fc = nn.Linear(32, len(NAMES))

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return self.fc(x.amax((2, 3)))


def batches(x, y, size=32):
    return [augment(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = arrows(800, 0), arrows(256, 1)
    model = ArrowNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {accuracy(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = arrows(800, 0), arrows(256, 1)
    return {
        "model": ArrowNet(),
        "factory": ArrowNet,
        "loss_fn": loss_fn,
        "batches": batches(*train),
        "validation": [test],
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
        "augment": augment,
        "raw": {"train_x": train[0], "train_y": train[1], "val_x": test[0], "val_y": test[1]},
    }


if __name__ == "__main__":
    main()
