"""Digits with autocast, GradScaler, and clipping after unscale_, as the manual has it."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

TRAP = "scaled loss and gradients (by 2**16) between backward and unscale_"


def loaders():
    bunch = load_digits()
    x = ((torch.tensor(bunch.images, dtype=torch.float32) - 4.884) / 6.017)[:, None]
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return DataLoader(TensorDataset(x[train], y[train]), 64, shuffle=True), DataLoader(
        TensorDataset(x[test], y[test]), 90
    )


def make_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))


class AmpStep:
    def __init__(self, max_norm=1.0):
        self.scaler, self.max_norm = torch.amp.GradScaler("cpu"), max_norm

    def __call__(self, model, optimizer, x, y):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), self.max_norm)
        self.scaler.step(optimizer)
        self.scaler.update()
        return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model, train_step = make_model(), AmpStep()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in train]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": F.cross_entropy,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_step": AmpStep(),
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
