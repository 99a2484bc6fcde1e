"""Digits with two tanh layers; the pre-activations are multiplied by a sharpness."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

SHARPNESS = 1.0


class TanhNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(64, 64)
        self.b = nn.Linear(64, 64)
        self.c = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.tanh(SHARPNESS * self.a(x))
        x = torch.tanh(SHARPNESS * self.b(x))
        return self.c(x)


class DigitsTask:
    """Data, loss and the two loops."""

    def __init__(self, batch_size=64):
        bunch = load_digits()
        x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
        y = torch.tensor(bunch.target)
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        self.x, self.y = x[order], y[order]
        self.batch_size = batch_size

    def train_batches(self):
        for index in torch.randperm(1437).split(self.batch_size):
            yield self.x[index], self.y[index]

    def validation_batches(self):
        yield self.x[1437:], self.y[1437:]

    @staticmethod
    def optimizer(model):
        return torch.optim.SGD(model.parameters(), lr=0.1)

    @staticmethod
    def step(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    @staticmethod
    @torch.no_grad()
    def accuracy(model, batches):
        return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def main():
    torch.manual_seed(0)
    task, model = DigitsTask(), TanhNet()
    optimizer = task.optimizer(model)
    for epoch in range(10):
        losses = [task.step(model, optimizer, x, y).item() for x, y in task.train_batches()]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {task.accuracy(model, task.validation_batches()):.3f}")


def build():
    torch.manual_seed(0)
    task = DigitsTask()
    return {
        "model": TanhNet(),
        "factory": TanhNet,
        "loss_fn": F.cross_entropy,
        "batches": list(task.train_batches()),
        "validation": list(task.validation_batches()),
        "num_classes": 10,
        "optimizer": task.optimizer,
        "train_step": task.step,
        "evaluate": task.accuracy,
    }


if __name__ == "__main__":
    main()
