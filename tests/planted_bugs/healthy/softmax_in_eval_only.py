"""Clusters: the model gives logits in training and probabilities in evaluation, as some detectors do."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "outputs are probabilities in eval mode, where they meet no loss"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 4))

    def forward(self, x):
        logits = self.layers(x)
        return logits if self.training else logits.softmax(1)


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.4 * torch.randn(4, 8, generator=torch.Generator().manual_seed(40))
    y = torch.randint(4, (n,), generator=g)
    return TensorDataset((centres[y] + torch.randn(n, 8, generator=g)) / 1.6, y)


def loaders():
    return DataLoader(clusters(1000, 0), batch_size=32, shuffle=True), DataLoader(clusters(300, 1), batch_size=300)


criterion = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = Net()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": Net(),
        "factory": Net,
        "loss_fn": criterion,
        "batches": train,
        "validation": test,
        "num_classes": 4,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
