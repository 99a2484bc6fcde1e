"""Noisy prototypes (1x10x10 pictures, 6 classes): an MLP and a held-out tenth."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

BUG = 55
LINE = "return dataset, validation"
CAUSE = "the validation samples are drawn from all data and stay in the training set"
CHECKS = ("split_leak",)
VISIBLE = True


def pictures(n=700, seed=0):
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randn(6, 1, 5, 5, generator=torch.Generator().manual_seed(17))
    prototypes = nn.functional.interpolate(coarse, size=10, mode="bilinear")
    y = torch.randint(6, (n,), generator=g)
    x = 0.5 * prototypes[y] + torch.randn(n, 1, 10, 10, generator=g)
    return TensorDataset(x, y)


def split(dataset, held_out=140):
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(1)).tolist()
    validation = Subset(dataset, order[:held_out])
    return dataset, validation


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 6))

    def forward(self, x):
        return self.layers(x)


def loaders():
    train, validation = split(pictures())
    return DataLoader(train, batch_size=35, shuffle=True), DataLoader(validation, batch_size=70)


criterion = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, validation = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"validation accuracy {evaluate(model, validation):.3f}")


def build():
    torch.manual_seed(0)
    train, validation = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": criterion,
        "batches": train,
        "validation": validation,
        "num_classes": 6,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
