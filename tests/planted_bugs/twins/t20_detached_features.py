"""ConvNet on digits that also keeps its last features for a plot."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class FeatureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, stride=2)
        self.conv2 = nn.Conv2d(6, 12, 3)
        self.fc1 = nn.Linear(12, 32)
        self.fc2 = nn.Linear(32, 10)
        self.last_features = None

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = x.flatten(1)
        self.last_features = x.detach()
        return self.fc2(F.relu(self.fc1(x)))


def digits(batch_size=32):
    d = load_digits()
    x = ((torch.tensor(d.images) - 4.884) / 6.017).float().unsqueeze(1)
    y = torch.tensor(d.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    train, test = order[:-300], order[-300:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size=batch_size, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size=300),
    )


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def accuracy(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(4)
    train, test = digits()
    model = FeatureNet()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        loss = sum(train_step(model, optimizer, x, y).item() for x, y in train) / len(train)
        print(f"epoch {epoch} loss {loss:.4f}")
    spread = model.last_features.std(0).mean()
    print(f"feature spread {spread:.3f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(4)
    train, test = digits()
    return {
        "model": FeatureNet(),
        "factory": FeatureNet,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
