"""Digits with automatic mixed precision and gradient clipping (bfloat16 on the CPU, float16 on a GPU)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BUG = 22
LINE = "nn.utils.clip_grad_norm_(model.parameters(), 2.0)"
CAUSE = "the scaled gradients are clipped, before unscale_"
CHECKS = ("update_ratio", "gradient_norms")
VISIBLE = True

DEVICE = "cpu"


def get_loaders(batch_size=64):
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16
    x = (x - 0.3053) / 0.376
    y = torch.tensor(digits.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return (
        DataLoader(TensorDataset(x[train], y[train]), batch_size, shuffle=True),
        DataLoader(TensorDataset(x[test], y[test]), batch_size),
    )


def make_model():
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


class AmpStep:
    """One mixed-precision step; keeps the scaler between steps."""

    def __init__(self):
        self.scaler = torch.amp.GradScaler(DEVICE)

    def __call__(self, model, optimizer, x, y):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        self.scaler.scale(loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        self.scaler.step(optimizer)
        self.scaler.update()
        return loss


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    model.train()
    return correct / sum(len(y) for _, y in loader)


def main():
    torch.manual_seed(0)
    train, test = get_loaders()
    model = make_model().to(DEVICE)
    optimizer, train_step = make_optimizer(model), AmpStep()
    for epoch in range(6):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {accuracy(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = get_loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": AmpStep(),
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
