"""A surrogate of a small dynamical system, trained in two sittings with a checkpoint between."""
import os
import tempfile

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 16


def trajectories():
    x = 2 * torch.rand(640, 3, generator=torch.Generator().manual_seed(0)) - 1
    step = torch.stack([x[:, 1] - x[:, 0], x[:, 0] * (1 - x[:, 2]) - x[:, 1], x[:, 0] * x[:, 1] - x[:, 2]], 1)
    return TensorDataset(x, x + 0.1 * step)


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 3))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=5e-3)
        warm = LinearLR(self.optimizer, 0.1, total_iters=3)
        self.lr_scheduler = SequentialLR(self.optimizer, [warm, CosineAnnealingLR(self.optimizer, EPOCHS - 3)], [3])
        self.loader = DataLoader(trajectories(), 32, shuffle=True)
        self.epoch = 0

    def save_model(self, path):
        torch.save({"epoch": self.epoch, "model_state_dict": self.model.state_dict(),
                    "optimizer_state_dict": self.optimizer.state_dict(),
                    "lr_scheduler_state_dict": self.lr_scheduler.state_dict()}, path)

    def load_checkpoint(self, path):
        checkpoint = torch.load(path, weights_only=False)
        self.model.load_state_dict(checkpoint["model_state_dict"])
        self.optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        self.epoch = checkpoint["epoch"]

    def train(self, until):
        while self.epoch < until:
            total = 0.0
            for x, y in self.loader:
                loss = nn.functional.mse_loss(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            self.lr_scheduler.step()
            self.epoch += 1
            print(f"epoch {self.epoch} loss {total / len(self.loader):.5f} lr {self.optimizer.param_groups[0]['lr']:.2e}")


if __name__ == "__main__":
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "recent.pt")
        first = Trainer()
        first.train(8)
        first.save_model(file)
        second = Trainer()
        second.load_checkpoint(file)
        second.train(EPOCHS)
