"""Regression of a field from scattered observations, an epoch being a call of `train_epoch`."""
import torch
import torch.nn as nn


def field(x):
    return torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])


class Task:
    """Targets at random places of one realisation."""

    def __init__(self, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = 2 * torch.rand(64, 2, generator=g) - 1
        self.y = field(self.x) + 0.05 * torch.randn(64, 1, generator=g)


def train_epoch(model, tasks, optimizer):
    losses = []
    for i in torch.randperm(len(tasks)).tolist():
        task = tasks[i]
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(task.x), task.y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    tasks = [Task(seed) for seed in range(16)]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(15):
        print(f"epoch {epoch}: {train_epoch(model, tasks, optimizer):.4f}")


if __name__ == "__main__":
    main()
