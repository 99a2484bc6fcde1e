"""Ring or disc? A binary classifier of points in the plane."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUG = 14
LINE = "optimizer.zero_grad()"
CAUSE = "zero_grad between backward and step"
CHECKS = ("update_ratio", "loss_decreases", "grads_are_cleared")
VISIBLE = True


def rings(n, seed):
    """Radius below or above a border, with a little noise; features have about unit variance."""
    g = torch.Generator().manual_seed(seed)
    angle = 6.2832 * torch.rand(n, generator=g)
    y = torch.randint(2, (n,), generator=g)
    radius = 0.6 + y + 0.15 * torch.randn(n, generator=g)
    return TensorDataset(torch.stack([radius * angle.cos(), radius * angle.sin()], 1), y)


class Model(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 2)

    def forward(self, points):
        return self.head(self.net(points))


class Learner:
    def __init__(self, lr=0.1):
        self.lr = lr
        self.loss = nn.CrossEntropyLoss()

    def optimizer(self, model):
        return torch.optim.SGD(model.parameters(), lr=self.lr, momentum=0.9)

    def step(self, model, optimizer, x, y):
        loss = self.loss(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        return loss

    def accuracy(self, model, batches):
        with torch.no_grad():
            return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def main():
    torch.manual_seed(0)
    train = DataLoader(rings(800, 0), batch_size=32, shuffle=True)
    test = DataLoader(rings(300, 1), batch_size=100)
    learner, model = Learner(), Model()
    optimizer = learner.optimizer(model)
    for epoch in range(8):
        losses = [learner.step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy: {learner.accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    learner = Learner()
    return {
        "model": Model(),
        "factory": Model,
        "loss_fn": learner.loss,
        "batches": DataLoader(rings(800, 0), batch_size=32, shuffle=True),
        "validation": DataLoader(rings(300, 1), batch_size=100),
        "num_classes": 2,
        "optimizer": learner.optimizer,
        "train_step": learner.step,
        "evaluate": learner.accuracy,
    }


if __name__ == "__main__":
    main()
