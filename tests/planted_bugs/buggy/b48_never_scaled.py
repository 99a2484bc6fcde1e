"""Textures: a ConvNet tells 4 kinds of surface in grey pictures stored as bytes."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BUG = 48
LINE = "return self.images[i].float(), self.labels[i]"
CAUSE = "the bytes 0..255 enter the network unscaled"
CHECKS = ("input_range", "loss_at_init")
VISIBLE = True


def textures(n, seed):
    """x uint8 (n, 1, 16, 16): horizontal, vertical, checkered and grainy surfaces of random brightness; y (n,)."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    r = torch.arange(16.0)
    shift = 6.28 * torch.rand(n, 1, 1, generator=g)
    rows, columns = torch.sin(1.6 * r[None, :, None] + shift), torch.sin(1.6 * r[None, None, :] + shift)
    grain = torch.randn(n, 16, 16, generator=g)
    kinds = torch.stack([rows.expand(n, 16, 16), columns.expand(n, 16, 16), rows * columns * 1.4, grain * 0.7])
    x = 130 + 20 * torch.randn(n, 1, 1, generator=g) + 35 * kinds[y, torch.arange(n)]
    x = x + 30 * torch.randn(n, 16, 16, generator=g)
    return x.clamp(0, 255).to(torch.uint8).unsqueeze(1), y


class Textures(Dataset):
    def __init__(self, n, seed):
        self.images, self.labels = textures(n, seed)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i].float(), self.labels[i]


class TextureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.conv2 = nn.Conv2d(16, 16, 3)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


loss_fn = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


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


def loaders():
    return DataLoader(Textures(640, 0), batch_size=32, shuffle=True), DataLoader(Textures(200, 1), batch_size=100)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = TextureNet()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": TextureNet(),
        "factory": TextureNet,
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
