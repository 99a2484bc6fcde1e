"""Digits ConvNet whose classifier starts at zero, so that training begins from a uniform prediction."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "a zero-initialised head: the loss is exactly ln 10 and the trunk has no gradient at step 0"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(24 * 16, 10)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(self.trunk(x).flatten(1))


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017).unsqueeze(1)
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 48, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 90
    )


loss_fn = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
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
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


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
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
