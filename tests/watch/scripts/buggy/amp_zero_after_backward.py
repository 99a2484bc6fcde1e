"""Mixed precision with a GradScaler; zero_grad comes after the backward pass."""
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(500, 10)
y = x[:, :3].argmax(1)
model = nn.Sequential(nn.Linear(10, 64), nn.GELU(), nn.Linear(64, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scaler = torch.amp.GradScaler("cpu")
for epoch in range(4):
    for i in torch.randperm(500).split(25):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model(x[i]), y[i])
        scaler.scale(loss).backward()
        optimizer.zero_grad(set_to_none=False)
        scaler.step(optimizer)
        scaler.update()
    print(f"epoch {epoch} loss {loss.item():.3f}")
