"""A small VGG with BatchNorm for digits; the convolutions keep their bias, as in torchvision's VGG-BN."""

import torch
from sklearn.datasets import load_digits
from torch import nn

TRAP = "bias before BatchNorm: harmless, its gradient is about zero"


def make_layers(configuration):
    layers, channels = [], 1
    for v in configuration:
        if v == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, v, 3, padding=1), nn.BatchNorm2d(v), nn.ReLU(inplace=True)]
            channels = v
    return nn.Sequential(*layers)


class SmallVGG(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = make_layers([16, "M", 32, 32, "M"])
        self.classifier = nn.Sequential(nn.Linear(128, 64), nn.ReLU(True), nn.Linear(64, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(1))
    x = ((torch.tensor(bunch.images, dtype=torch.float32)[order] - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)[order]
    return (x[:1440], y[:1440]), (x[1440:], y[1440:])


def batches(x, y, size=60):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = SmallVGG()
    optimizer = make_optimizer(model)
    for epoch in range(4):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {evaluate(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": SmallVGG(),
        "factory": SmallVGG,
        "loss_fn": loss_fn,
        "batches": batches(*train),
        "validation": batches(*test),
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
