"""Context as a sum of rank-one maps with weights that are meant to be learnt."""
import torch
from torch import nn


class LowRankContext(nn.Module):
    def __init__(self, channels, rank):
        super().__init__()
        self.rank = rank
        self.rows = nn.ModuleList(nn.Linear(channels, channels) for _ in range(rank))
        self.columns = nn.ModuleList(nn.Linear(channels, channels) for _ in range(rank))
        self.lam = nn.Parameter(torch.ones(self.rank))

    def forward(self, x):
        context = 0
        for i in range(self.rank):
            rows = torch.sigmoid(self.rows[i](x.mean(1)))
            columns = torch.sigmoid(self.columns[i](x.mean(2).mean(1, keepdim=True).expand(-1, x.shape[2])))
            context = context + self.lam[i] * rows * columns
        return x + x * context[:, None]


class Net(nn.Module):
    def __init__(self, channels=16, classes=4):
        super().__init__()
        self.embed = nn.Linear(8, channels)
        self.context = LowRankContext(channels, 3)
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        return self.head(self.context(self.embed(x).relu()).mean(1))


def samples(count, centres, generator):
    y = torch.randint(4, (count,), generator=generator)
    return centres[y][:, None] + torch.randn(count, 6, 8, generator=generator), y


torch.manual_seed(0)
g = torch.Generator().manual_seed(3)
centres = torch.randn(4, 8, generator=g)
x, y = samples(600, centres, g)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), 2e-3)
for epoch in range(6):
    for rows in torch.randperm(len(x)).split(30):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f} weights {model.context.lam.tolist()}")
x, y = samples(200, centres, g)
model.eval()
with torch.no_grad():
    print("accuracy", (model(x).argmax(1) == y).float().mean().item())
