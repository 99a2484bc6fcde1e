"""The weights of the best epoch are kept in a dict and written at the end; they are not copied."""
import io

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(500, 10)
y = x[:, :3].argmax(1)
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
best, checkpoint = 0.0, None
for epoch in range(12):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x[400:]).argmax(1) == y[400:]).float().mean().item()
    if accuracy > best:
        best = accuracy
        checkpoint = {"epoch": epoch, "state": model.state_dict()}
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {accuracy:.3f}")
torch.save(checkpoint, io.BytesIO())
