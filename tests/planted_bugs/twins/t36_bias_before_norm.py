"""Digits ConvNet with BatchNorm after each convolution."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def conv_block(channels_in, channels_out):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_block(1, 12), nn.MaxPool2d(2), conv_block(12, 24))
        self.head = nn.Linear(24, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1440], order[1440:]
    return DataLoader(TensorDataset(x[train], y[train]), 48, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 357
    )


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    hits = [model(x).argmax(1) == y for x, y in loader]
    model.train()
    return torch.cat(hits).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": Net(),
        "factory": Net,
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
