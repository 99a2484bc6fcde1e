"""torchvision's ShuffleNetV2 (x0.5) with a CIFAR stem on digits blown up to 3x32x32; a few steps only."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import shufflenet_v2_x0_5

TRAP = "channel shuffle and split: views and transposes inside the net that mix no samples"


def make_model():
    model = shufflenet_v2_x0_5(weights=None, num_classes=10)
    model.conv1[0] = nn.Conv2d(3, 24, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def digits(first, last):
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))[first:last]
    x = (torch.tensor(bunch.images, dtype=torch.float32)[order].unsqueeze(1) - 4.884) / 6.017
    x = F.interpolate(x, size=32, mode="bilinear").expand(-1, 3, -1, -1).contiguous()
    return TensorDataset(x, torch.tensor(bunch.target)[order])


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def loaders():
    return DataLoader(digits(0, 160), batch_size=32, shuffle=True), DataLoader(digits(1437, 1501), batch_size=32)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(2):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
