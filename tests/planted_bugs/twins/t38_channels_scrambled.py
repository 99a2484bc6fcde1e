"""Signs on coloured ground: a ConvNet tells 4 shapes in pictures stored as (N, 16, 16, 3)."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SIDE = 16


def make_signs(n, seed):
    """Bright shapes of random place and colour on a ground of another random colour, channels last."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    corner = torch.randint(1, SIDE - 8, (n, 2), generator=g)
    r = torch.arange(SIDE)
    dy, dx = r[None, :, None] - corner[:, 0, None, None] - 3, r[None, None, :] - corner[:, 1, None, None] - 3
    masks = torch.stack(
        [
            (dy.abs() <= 3) & (dx.abs() <= 3),
            (dy**2 + dx**2 <= 16) & (dy**2 + dx**2 >= 4),
            ((dy.abs() <= 3) & (dx == 0)) | ((dx.abs() <= 3) & (dy == 0)),
            (dy.abs() == dx.abs()) & (dy.abs() <= 3),
        ]
    )
    mask = masks[y, torch.arange(n)].unsqueeze(-1)
    ground, colour = torch.rand(n, 1, 1, 3, generator=g), torch.rand(n, 1, 1, 3, generator=g)
    x = torch.where(mask, 0.5 + 0.5 * colour, 0.4 * ground) + 0.2 * torch.randn(n, SIDE, SIDE, 3, generator=g)
    return TensorDataset((x - 0.3) / 0.3, y)


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)
        x = self.pool(torch.relu(self.conv1(x)))
        x = torch.relu(self.conv2(x))
        return self.head(x.amax((2, 3)))


def loaders():
    return DataLoader(make_signs(800, 0), 32, shuffle=True), DataLoader(make_signs(256, 1), 128)


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
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
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = SignNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": SignNet(),
        "factory": SignNet,
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
