"""A pretrained trunk: BatchNorm kept in eval mode, two learning rates, warm-up and cosine per batch, best weights kept."""
import copy

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler


def trunk():
    return nn.Sequential(nn.Conv2d(1, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())


torch.manual_seed(0)
state = trunk().state_dict()
y = (torch.rand(700) < 0.15).long()
x = torch.randn(700, 1, 10, 10) + y[:, None, None, None] * torch.randn(1, 10, 10)
model = nn.ModuleDict({"trunk": trunk(), "head": nn.Linear(256, 2)})
print(model["trunk"].load_state_dict(state))
balanced = WeightedRandomSampler((1.0 / y[:500].bincount())[y[:500]], 500)
loader = DataLoader(TensorDataset(x[:500], y[:500]), 25, sampler=balanced)
optimizer = torch.optim.SGD([{"params": model["trunk"].parameters(), "lr": 1e-3}, {"params": model["head"].parameters()}],
                            lr=2e-2, momentum=0.9, weight_decay=1e-4)
steps = 5 * len(loader)
scheduler = SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=10), CosineAnnealingLR(optimizer, steps - 10)], [10])
best, kept = float("inf"), None
for epoch in range(5):
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()
    for a, b in loader:
        loss = nn.functional.cross_entropy(model["head"](model["trunk"](a)), b, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        val = nn.functional.cross_entropy(model["head"](model["trunk"](x[500:])), y[500:]).item()
    if val < best:
        best, kept = val, copy.deepcopy(model.state_dict())
    print(f"epoch {epoch} loss {loss.item():.3f} val {val:.3f}")
model.load_state_dict(kept)
