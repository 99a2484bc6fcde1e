"""Trains a new linear head on a frozen, earlier trained backbone and checks that the old task still works."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Backbone(nn.Module):
    def __init__(self, n_in=20, width=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_in, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
        )

    def forward(self, x):
        return self.layers(x)


class TwoTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head_a = nn.Linear(64, 4)
        self.head_b = nn.Linear(64, 3)

    def forward(self, x, task):
        return getattr(self, f"head_{task}")(self.backbone(x))


def task_data(task, n, seed):
    g = torch.Generator().manual_seed(seed)
    k, shift = (4, 0.0) if task == "a" else (3, 3.0)
    centres = torch.randn(k, 20, generator=torch.Generator().manual_seed(40 + k))
    y = torch.randint(0, k, (n,), generator=g)
    return shift + centres[y] + torch.randn(n, 20, generator=g), y


def accuracy(model, task):
    x, y = task_data(task, 600, 9)
    model.eval()
    with torch.no_grad():
        return (model(x, task).argmax(1) == y).float().mean().item()


def train(model, task, params, epochs, frozen=None):
    x, y = task_data(task, 1600, 1)
    opt = torch.optim.Adam(params, lr=2e-3)
    for epoch in range(epochs):
        model.train()
        if frozen is not None:
            frozen.eval()
        for idx in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(x[idx], task), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"task {task} epoch {epoch}: loss {loss.item():.4f} accuracy {accuracy(model, task):.3f}")


torch.manual_seed(3)
model = TwoTask()
train(model, "a", [*model.backbone.parameters(), *model.head_a.parameters()], epochs=4)
print(f"task a before: {accuracy(model, 'a'):.3f}")

for p in model.backbone.parameters():
    p.requires_grad = False
train(model, "b", model.head_b.parameters(), epochs=4, frozen=model.backbone)
print(f"task a after: {accuracy(model, 'a'):.3f}")
