"""Pairs of samples, one encoder called twice, BCE with logits and pos_weight because same pairs are rare."""
import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(8, 12)
y = torch.randint(8, (500,))
x = centres[y] + 0.4 * torch.randn(500, 12)
encoder = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 16))
head = nn.Linear(16, 1)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=2e-3)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(7.0))
for step in range(250):
    a, b = torch.randint(400, (64,)), torch.randint(400, (64,))
    score = head((encoder(x[a]) - encoder(x[b])).abs()).squeeze(1)
    loss = criterion(score, (y[a] == y[b]).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step} loss {loss.item():.3f}")
with torch.no_grad():
    a, b = torch.randint(400, 500, (300,)), torch.randint(400, 500, (300,))
    hit = ((head((encoder(x[a]) - encoder(x[b])).abs()).squeeze(1) > 0) == (y[a] == y[b])).float().mean()
print(f"accuracy {hit:.3f}")
