"""Gesture recognition (synthetic, 3 channels over 16 steps): an RNN whose states are averaged over time."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 37
LINE = "states = states.view(n, steps, -1)"
CAUSE = "view instead of permute after a time-first layer: the samples are mixed"
CHECKS = ("batch_independence",)
VISIBLE = True

STEPS = 16


def gestures(n, seed):
    """x (n, STEPS, 3): four kinds of movement with random speed and phase, plus noise."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    t = torch.linspace(0, 1, STEPS)[None]
    speed = 6.28 * (1 + 0.2 * torch.rand(n, 1, generator=g))
    phase = 6.28 * torch.rand(n, 1, generator=g)
    sign = 1.0 - 2 * (y % 2)[:, None]
    a = torch.sin(speed * t + phase)
    b = sign * torch.cos(speed * t + phase)
    c = torch.where((y >= 2)[:, None], t, -t) * 1.5
    x = torch.stack([a, b, c.expand_as(a)], 2)
    return TensorDataset(1.2 * (x + 0.3 * torch.randn(n, STEPS, 3, generator=g)), y)


class GestureNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(3, hidden)
        self.head = nn.Linear(hidden, 4)

    def forward(self, x):
        n, steps, _ = x.shape
        states, _ = self.rnn(x.transpose(0, 1))
        states = states.view(n, steps, -1)
        return self.head(states.mean(1))


loss_fn = nn.CrossEntropyLoss()


def loaders():
    return DataLoader(gestures(768, 0), 32, shuffle=True), DataLoader(gestures(256, 1), 32)


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = GestureNet()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": GestureNet(),
        "factory": GestureNet,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
