"""Surrogate model for a damped oscillator, trained in two sessions with a checkpoint in between."""
import math
import os
import tempfile

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, STOP_AT, BATCH = 20, 14, 64


def oscillator(n, seed):
    g = torch.Generator().manual_seed(seed)
    p = torch.rand(n, 4, generator=g)
    decay, freq, phase, t = p[:, 0] * 2, 2 + 4 * p[:, 1], 6.283 * p[:, 2], p[:, 3]
    y = torch.exp(-decay * t) * torch.cos(freq * t + phase) + 0.05 * torch.randn(n, generator=g)
    return TensorDataset(2 * p - 1, y.unsqueeze(1))


class Trainer:
    def __init__(self, loader, val_loader):
        torch.manual_seed(140)
        self.loader, self.val_loader = loader, val_loader
        self.model = nn.Sequential(nn.Linear(4, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-2)
        total, warm = EPOCHS * len(loader), len(loader)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(1.0, s / total)))),
        )
        self.starting_epoch = 0
        self.loss_fn = nn.MSELoss()

    def save_model(self, epoch, path):
        torch.save(
            {
                "epoch": epoch,
                "model_state_dict": self.model.state_dict(),
                "optimizer_state_dict": self.optimizer.state_dict(),
                "lr_scheduler_state_dict": self.lr_scheduler.state_dict(),
            },
            path,
        )

    def load_checkpoint(self, path):
        ckpt = torch.load(path)
        self.model.load_state_dict(ckpt["model_state_dict"])
        self.optimizer.load_state_dict(ckpt["optimizer_state_dict"])
        self.lr_scheduler.load_state_dict(ckpt["lr_scheduler_state_dict"])
        self.starting_epoch = ckpt["epoch"]

    def validate(self):
        self.model.eval()
        with torch.no_grad():
            return sum(self.loss_fn(self.model(x), y).item() for x, y in self.val_loader) / len(self.val_loader)

    def train(self, until):
        for epoch in range(self.starting_epoch, until):
            self.model.train()
            total = 0.0
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = self.loss_fn(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                self.lr_scheduler.step()
                total += loss.item()
            lr = self.optimizer.param_groups[0]["lr"]
            print(f"epoch {epoch} lr {lr:.5f} train {total / len(self.loader):.5f} val {self.validate():.5f}")


if __name__ == "__main__":
    train_loader = DataLoader(oscillator(2560, 1), batch_size=BATCH, shuffle=True)
    val_loader = DataLoader(oscillator(512, 2), batch_size=256)
    path = os.path.join(tempfile.mkdtemp(), "recent.pt")
    first = Trainer(train_loader, val_loader)
    first.train(until=STOP_AT)
    first.save_model(STOP_AT, path)
    second = Trainer(train_loader, val_loader)
    second.load_checkpoint(path)
    second.train(until=EPOCHS)
