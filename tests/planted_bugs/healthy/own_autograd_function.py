"""Digits with a hand-written, correct autograd function (softplus with a cheap backward)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TRAP = "a custom backward that is right"


class CheapSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return F.softplus(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * torch.sigmoid(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inlet, self.outlet = nn.Linear(64, 80), nn.Linear(80, 10)

    def forward(self, x):
        return self.outlet(CheapSoftplus.apply(self.inlet(x)) - 0.7)


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(2))
    x = (torch.tensor(bunch.data, dtype=torch.float32)[order] - 4.884) / 6.017
    y = torch.tensor(bunch.target)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.NAdam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": F.cross_entropy,
        "batches": batches(*train),
        "validation": [test],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
