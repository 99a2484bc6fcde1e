"""Crescents in a plane: a three-layer tanh classifier with its own init method."""

import torch
from torch import nn

BUG = 30
LINE = "nn.init.zeros_(layer.weight)"
CAUSE = "the hidden layers start at zero: nothing flows forward or back"
CHECKS = ("init_scale", "dead_units", "gradients_flow", "loss_decreases")
VISIBLE = True


def crescents(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=g)
    angle = 1.8 * torch.rand(n, generator=g) + 2.1 * y
    radius = 1 + 0.5 * angle.sin() + 0.1 * torch.randn(n, generator=g) + 0.4 * y
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1) / 1.1, y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 32)
        self.second = nn.Linear(32, 32)
        self.head = nn.Linear(32, 3)
        self.reset()

    def reset(self):
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


loss_fn = nn.CrossEntropyLoss()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def batches(data, size=32):
    x, y = data
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = crescents(768, 0), crescents(256, 1)
    model = Net()
    optimizer = sgd(model)
    for epoch in range(12):
        losses = [step(model, optimizer, x, y).item() for x, y in batches(train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {accuracy(model, batches(test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": loss_fn,
        "batches": batches(crescents(768, 0)),
        "validation": batches(crescents(256, 1)),
        "num_classes": 3,
        "optimizer": sgd,
        "train_step": step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
