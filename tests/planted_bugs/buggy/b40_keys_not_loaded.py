"""Fine-tunes a digits network from a checkpoint of a larger run, on only 80 labelled figures."""

import io

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

BUG = 40
LINE = "model.load_state_dict(state, strict=False)"
CAUSE = "the checkpoint's keys have a prefix, strict=False hides that nothing was loaded"
CHECKS = ("loss_at_init",)
VISIBLE = False


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.classifier = nn.Linear(64, 10)

    def forward(self, x):
        return self.classifier(self.features(x))


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(bunch.data, dtype=torch.float32)[order] - 4.884) / 6.017
    return x, torch.tensor(bunch.target)[order]


def train_epoch(model, optimizer, batches):
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def batches(x, y, size=20):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def checkpoint_of_the_large_run():
    """What another machine wrote: a data-parallel model trained on 1200 figures."""
    x, y = load()
    model = nn.DataParallel(DigitNet())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(4):
        train_epoch(model, optimizer, batches(x[:1200], y[:1200], 50))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.getvalue()


def restore(checkpoint):
    model = DigitNet()
    state = torch.load(io.BytesIO(checkpoint))
    model.load_state_dict(state, strict=False)
    return model


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02)


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    model = restore(checkpoint_of_the_large_run())
    x, y = load()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(x[1200:1280], y[1200:1280])):.4f}")
    print(f"accuracy {accuracy(model, [(x[1280:], y[1280:])]):.3f}")


def build():
    torch.manual_seed(0)
    checkpoint = checkpoint_of_the_large_run()
    x, y = load()
    return {
        "model": restore(checkpoint),
        "factory": lambda: restore(checkpoint),
        "loss_fn": F.cross_entropy,
        "batches": batches(x[1200:1280], y[1200:1280]),
        "validation": [(x[1280:], y[1280:])],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
