"""Predicts several relations between object pairs with one small head per relation."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

RELATIONS = ("left_of", "above", "larger", "near")


class RelationNet(nn.Module):
    def __init__(self, n_feat=8, width=24):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_feat, width), nn.ReLU())
        self.relation = {
            name: nn.Sequential(nn.Linear(width, width), nn.Tanh()) for name in RELATIONS
        }
        self.score = nn.Linear(width, 1)

    def forward(self, pair):
        h = self.trunk(pair)
        return torch.cat([self.score(self.relation[name](h)) for name in RELATIONS], dim=1)


def pairs(n, seed):
    g = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, n, 4, generator=g) * 2 - 1
    dist = ((a[:, :2] - b[:, :2]) ** 2).sum(1).sqrt()
    y = torch.stack([a[:, 0] < b[:, 0], a[:, 1] > b[:, 1], a[:, 2] > b[:, 2], dist < 1.0], dim=1).float()
    flip = torch.rand(y.shape, generator=g) < 0.04
    return TensorDataset(torch.cat([a, b], 1), torch.where(flip, 1 - y, y))


def main():
    torch.manual_seed(270)
    train_loader = DataLoader(pairs(3000, 1), batch_size=60, shuffle=True)
    test_loader = DataLoader(pairs(600, 2), batch_size=300)
    model = RelationNet()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        model.eval()
        hits = torch.zeros(len(RELATIONS))
        with torch.no_grad():
            for x, y in test_loader:
                hits += ((model(x) > 0).float() == y).float().sum(0)
        accs = " ".join(f"{n}={h / 600:.3f}" for n, h in zip(RELATIONS, hits.tolist()))
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} {accs}")


if __name__ == "__main__":
    main()
