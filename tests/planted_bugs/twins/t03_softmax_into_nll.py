"""LeNet-like network on the 8x8 digits with RMSprop."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(16 * 4 * 4, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, x):
        x = self.classifier(self.features(x))
        return F.log_softmax(x, dim=1)


def prepare(seed=0):
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 1, 8, 8).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = images[order], labels[order]
    mean, std = images[:1400].mean(), images[:1400].std()
    x = torch.from_numpy((images - mean) / std)
    y = torch.from_numpy(labels)
    return x[:1400], y[:1400], x[1400:], y[1400:]


def batches_of(x, y, size=50):
    order = torch.randperm(len(y))
    for start in range(0, len(y), size):
        index = order[start : start + size]
        yield x[index], y[index]


def loss_fn(output, target):
    return F.nll_loss(output, target)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        pairs = [(model(x).argmax(1), y) for x, y in batches]
    model.train()
    return float(np.mean(np.concatenate([(p == y).numpy() for p, y in pairs])))


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=5e-4)


def main():
    torch.manual_seed(0)
    train_x, train_y, val_x, val_y = prepare()
    model = LeNet()
    optimizer = make_optimizer(model)
    for epoch in range(6):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches_of(train_x, train_y)]
        print(f"epoch={epoch} loss={np.mean(losses):.4f}")
    print(f"accuracy={evaluate(model, [(val_x, val_y)]):.3f}")


def build():
    torch.manual_seed(0)
    train_x, train_y, val_x, val_y = prepare()
    return {
        "model": LeNet(),
        "factory": LeNet,
        "loss_fn": loss_fn,
        "batches": list(batches_of(train_x, train_y)),
        "validation": [(val_x, val_y)],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
