"""torchvision's DenseNet-121 with a stride-1 stem on 32x32 pictures of rings and discs; a few steps only."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import densenet121

TRAP = "very deep, concatenated features, BatchNorm before each convolution"


def make_model():
    model = densenet121(weights=None, num_classes=4)
    model.features.conv0 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.features.conv0.weight)
    return model


def rings(n, seed):
    """Disc, thin ring, thick ring or nothing, of random colour and place, in noise."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    centre = 12 + 8 * torch.rand(n, 2, generator=g)
    r = torch.arange(32.0)
    distance = ((r[None, :, None] - centre[:, :1, None]) ** 2 + (r[None, None, :] - centre[:, 1:, None]) ** 2).sqrt()
    inner = torch.tensor([-1.0, 7.0, 4.0, 99.0])[y][:, None, None]
    shape = ((distance < 9) & (distance > inner)).float().unsqueeze(1)
    colour = 0.4 + 0.6 * torch.rand(n, 3, 1, 1, generator=g)
    return (shape * colour + 0.1 * torch.randn(n, 3, 32, 32, generator=g) - 0.09) / 0.27, y


def batches(n, seed, size=16):
    x, y = rings(n, seed)
    return list(zip(x.split(size), y.split(size), strict=True))


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    hits = torch.cat([model(x).argmax(1) == y for x, y in loader])
    model.train()
    return hits.float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def main():
    torch.manual_seed(0)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(1):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(32, 0)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, batches(16, 1)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": batches(64, 0),
        "validation": batches(32, 1),
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
