"""Fruit by colour and size (synthetic 3x12x12 pictures); training and serving have separate loaders."""

import numpy as np
import torch
from torch import nn

BUG = 49
LINE = "return to_network(pictures[..., ::-1])"
CAUSE = "test pictures enter with their colour channels reversed"
CHECKS = ("train_eval_preprocessing",)
VISIBLE = True

COLOURS = np.array([[0.9, 0.2, 0.2], [0.9, 0.5, 0.1], [0.8, 0.8, 0.2], [0.4, 0.8, 0.2], [0.3, 0.2, 0.7]])


def fruit(n, seed):
    """x uint8 (n, 12, 12, 3), y (n,): five colours, each in one of two sizes that matters for the first two only."""
    rng = np.random.default_rng(seed)
    y = rng.integers(5, size=n)
    centre = rng.uniform(4, 8, size=(n, 2))
    radius = rng.uniform(2, 4, size=n)
    r = np.arange(12)
    inside = (r[None, :, None] - centre[:, 0, None, None]) ** 2 + (r[None, None, :] - centre[:, 1, None, None]) ** 2
    inside = inside < radius[:, None, None] ** 2
    ground = np.full((n, 12, 12, 3), 0.35) + rng.normal(0, 0.08, size=(n, 1, 1, 1))
    x = np.where(inside[..., None], COLOURS[y][:, None, None], ground) + rng.normal(0, 0.1, size=(n, 12, 12, 3))
    return (255 * x.clip(0, 1)).astype(np.uint8), y


def to_network(pictures):
    """uint8 (n, h, w, 3) -> float32 (n, 3, h, w)."""
    x = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255
    return (x - 0.39) / 0.2


def to_network_serving(pictures):
    return to_network(pictures[..., ::-1])


class FruitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.features(x).amax((2, 3)))


def batches(x, y, size=32):
    y = torch.from_numpy(y)
    return list(zip(x.split(size), y.split(size), strict=True))


criterion = nn.CrossEntropyLoss()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    (train_x, train_y), (test_x, test_y) = fruit(640, 0), fruit(256, 1)
    model = FruitNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [step(model, optimizer, x, y).item() for x, y in batches(to_network(train_x), train_y)]
        print(f"epoch {epoch} loss {np.mean(losses):.4f}")
    print(f"accuracy {accuracy(model, batches(to_network_serving(test_x), test_y)):.3f}")


def build():
    torch.manual_seed(0)
    (train_x, train_y), (test_x, test_y) = fruit(640, 0), fruit(256, 1)
    return {
        "model": FruitNet(),
        "factory": FruitNet,
        "loss_fn": criterion,
        "batches": batches(to_network(train_x), train_y),
        "validation": batches(to_network_serving(test_x), test_y),
        "num_classes": 5,
        "optimizer": make_optimizer,
        "train_step": step,
        "evaluate": accuracy,
        "raw": {"train_x": train_x, "train_y": train_y, "val_x": test_x, "val_y": test_y},
        "preprocess_train": to_network,
        "preprocess_eval": to_network_serving,
    }


if __name__ == "__main__":
    main()
