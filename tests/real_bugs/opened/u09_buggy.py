"""Encodes small sets of neighbours one by one, merges them and predicts a score for the whole group."""
import torch
from torch import nn


class GroupScorer(nn.Module):
    def __init__(self, feat=5, width=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(feat, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, groups):
        encoded = []
        for members in groups:
            encoded.append(self.encoder(members).mean(dim=0))
        merged = torch.tensor([e.tolist() for e in encoded])
        return self.head(merged).squeeze(1)


def make_groups(n, gen):
    groups, scores = [], []
    for _ in range(n):
        size = int(torch.randint(3, 9, (1,), generator=gen))
        m = torch.randn(size, 5, generator=gen)
        groups.append(m)
        scores.append(((m[:, 0] * m[:, 1]).clamp(-2, 2) + m[:, 2].abs()).mean())
    return groups, torch.stack(scores)


def batches(n, size):
    for idx in torch.randperm(n).split(size):
        yield idx.tolist()


def main():
    torch.manual_seed(4)
    gen = torch.Generator().manual_seed(4)
    train_g, train_s = make_groups(900, gen)
    val_g, val_s = make_groups(200, gen)
    model = GroupScorer()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.MSELoss()
    for epoch in range(10):
        model.train()
        total = 0.0
        for idx in batches(len(train_g), 32):
            pred = model([train_g[k] for k in idx])
            loss = loss_fn(pred, train_s[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            val = loss_fn(model(val_g), val_s).item()
        print(f"epoch {epoch}: train {total / len(train_g):.4f} val {val:.4f} (variance {val_s.var().item():.4f})")


main()
