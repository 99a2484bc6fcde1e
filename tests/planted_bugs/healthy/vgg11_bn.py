"""torchvision's VGG-11 with BatchNorm, adapted to 32x32 pictures (one linear classifier); a few steps only."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import vgg11_bn

TRAP = "bias before BatchNorm in every convolution"


def make_model():
    model = vgg11_bn(weights=None, init_weights=False)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Linear(512, 10)
    return model


def textures(n, seed):
    """Coloured stripes in five directions and two colours (ten classes), with noise."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(10, (n,), generator=g)
    angle, phase = (y % 5) * math.pi / 5, 6.28 * torch.rand(n, generator=g)
    r = torch.linspace(-1, 1, 32)
    u = r[None, None, :] * angle.cos()[:, None, None] + r[None, :, None] * angle.sin()[:, None, None]
    wave = torch.sin(9 * u + phase[:, None, None]).unsqueeze(1)
    colours = torch.tensor([[1.6, 0.9, 0.5], [0.5, 0.9, 1.6]])[y // 5]
    return TensorDataset(wave * colours[:, :, None, None] + 0.5 * torch.randn(n, 3, 32, 32, generator=g), y)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        hits = torch.cat([model(x).argmax(1) == y for x, y in loader])
    model.train()
    return hits.float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def loaders():
    return DataLoader(textures(96, 0), batch_size=32, shuffle=True), DataLoader(textures(32, 1), batch_size=32)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(1):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
