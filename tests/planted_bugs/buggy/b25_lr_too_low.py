"""Colour blobs: a ConvNet tells which of 5 hues dominates a noisy 3x10x10 picture."""

import torch
from torch import nn

BUG = 25
LINE = '"lr": 1e-6,'
CAUSE = "the learning rate is far too low"
CHECKS = ("update_ratio", "loss_decreases", "lr_verdict")
VISIBLE = True

HUES = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0.7, 0.7, 0], [0, 0.7, 0.7]])


def blobs(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(5, (n,), generator=g)
    centre = 2 + 6 * torch.rand(n, 2, generator=g)
    r = torch.arange(10.0)
    distance = (r[None, :, None] - centre[:, 0, None, None]) ** 2 + (r[None, None, :] - centre[:, 1, None, None]) ** 2
    x = HUES[y][:, :, None, None] * torch.exp(-distance / 6)[:, None]
    return (x + 0.15 * torch.randn(n, 3, 10, 10, generator=g) - 0.08) / 0.24, y


class BlobNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3)
        self.conv2 = nn.Conv2d(12, 24, 3)
        self.linear = nn.Linear(24, 5)

    def forward(self, x):
        x = self.conv2(self.conv1(x).relu()).relu()
        return self.linear(x.mean((-1, -2)))


SETTINGS = {
    "lr": 1e-6,
    "batch": 32,
    "epochs": 10,
}
criterion = nn.CrossEntropyLoss()


def optimizer_of(model):
    return torch.optim.Adam(model.parameters(), lr=SETTINGS["lr"])


def loader(x, y):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(SETTINGS["batch"])]


def train_step(model, optimizer, x, y):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def accuracy(model, batches):
    return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = blobs(640, 0), blobs(256, 1)
    model = BlobNet()
    optimizer = optimizer_of(model)
    for epoch in range(SETTINGS["epochs"]):
        losses = [train_step(model, optimizer, x, y).item() for x, y in loader(*train)]
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.5f}")
    print(f"accuracy {accuracy(model, loader(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": BlobNet(),
        "factory": BlobNet,
        "loss_fn": criterion,
        "batches": loader(*blobs(640, 0)),
        "validation": loader(*blobs(256, 1)),
        "num_classes": 5,
        "optimizer": optimizer_of,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
