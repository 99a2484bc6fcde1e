"""Colour pictures of 4 emblems (3x16x16, values in [0, 1]); normalisation constants copied from a well-known net."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

normalise = v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def emblems(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    r = torch.linspace(-1, 1, 16)
    cy, cx = 0.4 * torch.rand(2, n, 1, 1, generator=g) - 0.2
    dy, dx = r[None, :, None] - cy, r[None, None, :] - cx
    distance = torch.stack(
        [(dy**2 + dx**2).sqrt(), dy.abs() + dx.abs(), torch.maximum(dy.abs(), dx.abs()), dy.abs() * 2 + dx.abs() * 0.6]
    )
    shape = (distance[y, torch.arange(n)] < 0.55).float()[:, None]
    a, b = torch.rand(2, n, 3, 1, 1, generator=g)
    x = 0.25 + 0.2 * a + shape * (0.2 + 0.3 * b) + 0.07 * torch.randn(n, 3, 16, 16, generator=g)
    return TensorDataset(normalise(x.clamp(0, 1)), y)


class EmblemNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 16, 4),
        )

    def forward(self, x):
        return self.layers(x)


loss_fn = nn.CrossEntropyLoss()


def loaders():
    return DataLoader(emblems(800, 0), batch_size=40, shuffle=True), DataLoader(emblems(240, 1), batch_size=80)


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = EmblemNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": EmblemNet(),
        "factory": EmblemNet,
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
