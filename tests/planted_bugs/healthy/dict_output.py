"""Digits network that returns a dict of logits and features."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "the model returns a dict"


class DictNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        features = F.relu(self.fc1(x))
        return {"logits": self.fc2(features), "features": features}


def adapter(output):
    return output["logits"]


def loss_fn(output, y):
    return F.cross_entropy(output["logits"], y)


def loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    train, test = torch.utils.data.random_split(
        TensorDataset(x, y), [1437, 360], generator=torch.Generator().manual_seed(0)
    )
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=360)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([adapter(model(x)).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = DictNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": DictNet(),
        "factory": DictNet,
        "adapter": adapter,
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
