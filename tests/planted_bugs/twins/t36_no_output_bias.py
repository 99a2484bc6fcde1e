"""Body temperature (degrees Celsius, synthetic) from ten standardised sensor columns."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def sensors(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    w = torch.linspace(-0.4, 0.4, 10)
    y = 37.0 + x @ w + 0.3 * x[:, 0] * x[:, 1] + 0.1 * torch.randn(n, generator=g)
    return x, y.unsqueeze(1)


class Thermometer(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(10, 64)
        self.out = nn.Linear(64, 1)
        nn.init.constant_(self.out.bias, 37.0)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


def make_loaders():
    train = DataLoader(TensorDataset(*sensors(1000, 0)), batch_size=50, shuffle=True)
    return train, DataLoader(TensorDataset(*sensors(300, 1)), batch_size=300)


loss_fn = nn.MSELoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def r2(model, loader):
    (x, y) = next(iter(loader))
    return 1 - ((model(x) - y) ** 2).mean().item() / y.var().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def main():
    torch.manual_seed(0)
    train, test = make_loaders()
    model = Thermometer()
    optimizer = make_optimizer(model)
    for epoch in range(15):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"r2 {r2(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = make_loaders()
    return {
        "model": Thermometer(),
        "factory": Thermometer,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
