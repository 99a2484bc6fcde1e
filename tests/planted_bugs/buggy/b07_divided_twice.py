"""Which of 4 shapes is in the picture (12x12, noisy)? A small ConvNet with plain SGD."""

import torch
import torch.nn.functional as F
from torch import nn

BUG = 7
LINE = "return F.cross_entropy(logits, y) / y.size(0)"
CAUSE = "the mean loss is divided by the batch size again"
CHECKS = ("loss_reduction", "loss_at_init", "update_ratio")
VISIBLE = True

SIDE = 12


def draw(kind, row, col):
    picture = torch.zeros(SIDE, SIDE)
    if kind == 0:  # full square
        picture[row : row + 5, col : col + 5] = 1
    elif kind == 1:  # frame
        picture[row : row + 5, col : col + 5] = 1
        picture[row + 1 : row + 4, col + 1 : col + 4] = 0
    elif kind == 2:  # plus
        picture[row + 2, col : col + 5] = 1
        picture[row : row + 5, col + 2] = 1
    else:  # cross
        i = torch.arange(5)
        picture[row + i, col + i] = 1
        picture[row + i, col + 4 - i] = 1
    return picture


def make_pictures(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    place = torch.randint(SIDE - 5, (n, 2), generator=g)
    x = torch.stack([draw(int(k), int(r), int(c)) for k, (r, c) in zip(y, place, strict=True)])
    x = x + 0.15 * torch.randn(n, SIDE, SIDE, generator=g)
    return ((x - 0.09) / 0.32).unsqueeze(1), y


class ShapeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(1),
        )
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


def loss_fn(logits, y):
    return F.cross_entropy(logits, y) / y.size(0)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


def make_batches(x, y):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(64)]


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def accuracy(model, batches):
    with torch.no_grad():
        hits = [(model(x).argmax(1) == y).float() for x, y in batches]
    return torch.cat(hits).mean().item()


def main():
    torch.manual_seed(0)
    x, y = make_pictures(1024, 0)
    model = ShapeNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = torch.stack([train_step(model, optimizer, a, b) for a, b in make_batches(x, y)])
        print(f"epoch {epoch} loss {losses.mean():.5f}")
    print(f"accuracy {accuracy(model, [make_pictures(256, 1)]):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": ShapeNet(),
        "factory": ShapeNet,
        "loss_fn": loss_fn,
        "batches": make_batches(*make_pictures(1024, 0)),
        "validation": [make_pictures(256, 1)],
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
