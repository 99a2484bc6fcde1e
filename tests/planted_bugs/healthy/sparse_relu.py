"""Wide sparse features: 512 ReLU units, each set to answer to a tenth of the training samples."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "about nine of ten activations are zero after the ReLU, yet no unit is dead on all samples"


class SparseNet(nn.Module):
    def __init__(self, width=512):
        super().__init__()
        self.features = nn.Linear(64, width)
        nn.init.kaiming_normal_(self.features.weight)
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        return self.out(torch.relu(self.features(x)))

    @torch.no_grad()
    def set_thresholds(self, x, active=0.1):
        """Each unit's bias is set so that it answers to this share of x."""
        self.features.bias -= torch.quantile(self.features(x), 1 - active, dim=0)


def make_model():
    model = SparseNet()
    model.set_thresholds(loaders()[0].dataset.tensors[0])
    return model


def loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = TensorDataset(x[order[:1437]], y[order[:1437]]), TensorDataset(x[order[1437:]], y[order[1437:]])
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(test, batch_size=120)


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


@torch.no_grad()
def share_of_zeros(model, loader):
    return torch.cat([(model.features(x) <= 0).float() for x, _ in loader]).mean().item()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"zeros {share_of_zeros(model, test):.2f}")
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
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
