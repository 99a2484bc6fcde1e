"""Letters A, H, M, T, U, V (symmetric, 1x11x11, noisy): mirrored batches as augmentation."""

import torch
import torch.nn.functional as F
from torch import nn

GLYPHS = {
    "A": ("00100", "01010", "10001", "11111", "10001"),
    "H": ("10001", "10001", "11111", "10001", "10001"),
    "M": ("10001", "11011", "10101", "10001", "10001"),
    "T": ("11111", "00100", "00100", "00100", "00100"),
    "U": ("10001", "10001", "10001", "10001", "01110"),
    "V": ("10001", "10001", "01010", "01010", "00100"),
}


def letters(n, seed):
    g = torch.Generator().manual_seed(seed)
    shapes = torch.tensor([[[float(c) for c in row] for row in rows] for rows in GLYPHS.values()])
    y = torch.randint(len(shapes), (n,), generator=g)
    x = torch.zeros(n, 1, 11, 11)
    for i, (row, column) in enumerate(torch.randint(7, (n, 2), generator=g).tolist()):
        x[i, 0, row : row + 5, column : column + 5] = shapes[y[i]]
    return (x + 0.15 * torch.randn(n, 1, 11, 11, generator=g) - 0.1) / 0.33, y


def augment(x, y):
    """Every second batch is mirrored left to right."""
    if torch.rand(()) < 0.5:
        x = x.flip(3)
    return x, y


class LetterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 5)
        self.conv2 = nn.Conv2d(24, 32, 1)
        self.out = nn.Linear(32, len(GLYPHS))

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        return self.out(x.amax((2, 3)))


class Loader:
    """Shuffled, augmented batches; new ones at each iteration."""

    def __init__(self, x, y, size):
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return -(-len(self.y) // self.size)

    def __iter__(self):
        for i in torch.randperm(len(self.y)).split(self.size):
            yield augment(self.x[i], self.y[i])


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
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def main():
    torch.manual_seed(0)
    train, test = letters(900, 0), letters(300, 1)
    loader = Loader(*train, size=30)
    model = LetterNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, loader):.4f}")
    print(f"accuracy {accuracy(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = letters(900, 0), letters(300, 1)
    return {
        "model": LetterNet(),
        "factory": LetterNet,
        "loss_fn": F.cross_entropy,
        "batches": Loader(*train, size=30),
        "validation": [test],
        "num_classes": len(GLYPHS),
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
        "augment": augment,
        "raw": {"train_x": train[0], "train_y": train[1], "val_x": test[0], "val_y": test[1]},
    }


if __name__ == "__main__":
    main()
