"""Sorting short sounds (synthetic chirps) into rising, falling and steady with a 1d ConvNet."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 16
LINE = "loss.backward()"
CAUSE = "the optimiser never steps"
CHECKS = ("update_ratio", "loss_decreases")
VISIBLE = True

LENGTH = 64


def chirps(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 1, LENGTH)
    y = torch.randint(3, (n,), generator=g)
    bend = 6.0 * (y - 1)
    start = 10 + 2 * torch.rand(n, generator=g)
    phase = 6.28 * torch.rand(n, generator=g)
    wave = torch.sin(phase[:, None] + 6.28 * (start[:, None] * t + bend[:, None] * t * (t - 0.5)))
    return TensorDataset(1.2 * (wave + 0.4 * torch.randn(n, LENGTH, generator=g)).unsqueeze(1), y)


class ChirpNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 9, stride=2, padding=4)
        self.conv2 = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.fc = nn.Linear(32 * 4, 3)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.fc(nn.functional.adaptive_max_pool1d(x, 4).flatten(1))


loss_fn = nn.CrossEntropyLoss()


def train_one_batch(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    return loss


@torch.inference_mode()
def evaluate(model, loader):
    model.eval()
    hits = sum(int((model(x).argmax(-1) == y).sum()) for x, y in loader)
    return hits / sum(len(y) for _, y in loader)


def options(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", default=8, type=int)
    parser.add_argument("--lr", default=3e-3, type=float)
    parser.add_argument("--bs", default=32, type=int)
    return parser.parse_args(argv)


def main():
    opt = options()
    torch.manual_seed(0)
    train_dl = DataLoader(chirps(640, 0), opt.bs, shuffle=True)
    valid_dl = DataLoader(chirps(256, 1), opt.bs)
    model = ChirpNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=opt.lr)
    for epoch in range(opt.epochs):
        loss = sum(train_one_batch(model, optimizer, x, y).item() for x, y in train_dl) / len(train_dl)
        print(f"epoch {epoch} train loss {loss:.4f}")
    print(f"valid accuracy {evaluate(model, valid_dl):.3f}")


def build():
    opt = options([])
    torch.manual_seed(0)
    return {
        "model": ChirpNet(),
        "factory": ChirpNet,
        "loss_fn": loss_fn,
        "batches": DataLoader(chirps(640, 0), opt.bs, shuffle=True),
        "validation": DataLoader(chirps(256, 1), opt.bs),
        "num_classes": 3,
        "optimizer": lambda model: torch.optim.Adam(model.parameters(), lr=opt.lr),
        "train_step": train_one_batch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
