"""Contrastive learning: two noisy views, cosine similarities over the whole batch, then a linear probe."""
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = torch.randn(5, 16)
y = torch.randint(5, (600,))
x = centres[y] + 0.5 * torch.randn(600, 16)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))
        self.project = nn.Sequential(nn.ReLU(), nn.Linear(32, 16))

    def forward(self, x):
        return F.normalize(self.project(self.trunk(x)), dim=1)


def nt_xent(a, b, temperature=0.3):
    z = torch.cat([a, b])
    logits = z @ z.t() / temperature
    logits.fill_diagonal_(-1e9)
    n = len(a)
    return F.cross_entropy(logits, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


encoder = Encoder()
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
for epoch in range(6):
    for i in torch.randperm(500).split(50):
        views = [x[i] + 0.3 * torch.randn(len(i), 16) for _ in range(2)]
        loss = nt_xent(encoder(views[0]), encoder(views[1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
for p in encoder.parameters():
    p.requires_grad = False
probe = nn.Linear(32, 5)
optimizer = torch.optim.Adam(probe.parameters(), lr=1e-2)
for _ in range(100):
    i = torch.randint(500, (64,))
    loss = F.cross_entropy(probe(encoder.trunk(x[i])), y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"probe {(probe(encoder.trunk(x[500:])).argmax(1) == y[500:]).float().mean():.3f}")
