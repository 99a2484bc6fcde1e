"""torchvision's VisionTransformer, small (patch 4, 3 layers, width 48), on 16x16 pictures of two spots."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import VisionTransformer

TRAP = "its head starts at zero, its queries and keys have biases without gradient"


def make_model():
    return VisionTransformer(
        image_size=16, patch_size=4, num_layers=3, num_heads=4, hidden_dim=48, mlp_dim=96, num_classes=4
    )


def spots(n, seed):
    """Class: are the red and the blue spot above, below, left or right of each other?"""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    middle = 6.0 + 4 * torch.rand(n, 2, generator=g)
    step = torch.tensor([[4.0, 0.0], [-4.0, 0.0], [0.0, 4.0], [0.0, -4.0]])[y]
    r = torch.arange(16.0)

    def spot(centre):
        dy, dx = r[None, :, None] - centre[:, 0, None, None], r[None, None, :] - centre[:, 1, None, None]
        return torch.exp(-(dy**2 + dx**2) / 5)

    x = torch.stack([spot(middle + step), spot(middle) * 0.0, spot(middle - step)], 1)
    return TensorDataset((x + 0.05 * torch.randn(n, 3, 16, 16, generator=g) - 0.04) / 0.15, y)


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-3)


def loaders():
    return DataLoader(spots(640, 0), batch_size=32, shuffle=True), DataLoader(spots(200, 1), batch_size=100)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
