"""torchvision's ResNet-18 with a CIFAR stem on synthetic 3x32x32 pictures; a few steps only."""

import torch
import torch.nn as nn
from torchvision.models import resnet18

TRAP = "residual branches, BatchNorm, 11 million parameters"


def make_model():
    model = resnet18(weights=None, num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = nn.Identity()
    return model


def pictures(n, seed):
    """Ten smooth prototypes, randomly shifted, with noise; about zero mean and unit variance."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randn(10, 3, 6, 6, generator=torch.Generator().manual_seed(10))
    prototypes = nn.functional.interpolate(coarse, size=32, mode="bicubic")
    y = torch.randint(10, (n,), generator=g)
    shift = torch.randint(-3, 4, (n, 2), generator=g).tolist()
    x = torch.stack([prototypes[k].roll(s, (1, 2)) for k, s in zip(y.tolist(), shift, strict=True)])
    return 0.9 * x + 0.5 * torch.randn(n, 3, 32, 32, generator=g), y


def batches(n, seed, size=16):
    x, y = pictures(n, seed)
    return list(zip(x.split(size), y.split(size), strict=True))


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)


def main():
    torch.manual_seed(0)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(1):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(48, 0)):.4f}")
    print(f"accuracy {evaluate(model, batches(16, 1)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": batches(64, 0),
        "validation": batches(32, 1),
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
