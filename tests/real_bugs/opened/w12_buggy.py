"""Two-level image taxonomy: coarse head + fine head with a hierarchy-consistency term."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

N_SUPER, N_SUB = 4, 12
PARENT = torch.arange(N_SUB) // (N_SUB // N_SUPER)


def build(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.Generator().manual_seed(0)
    means = torch.randn(N_SUPER, 24, generator=w)[PARENT] + 0.7 * torch.randn(N_SUB, 24, generator=w)
    sub = torch.randint(0, N_SUB, (n,), generator=g)
    x = means[sub] + 1.6 * torch.randn(n, 24, generator=g)
    return TensorDataset(x, PARENT[sub], sub)


class HierarchicalNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.coarse = nn.Sequential(nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, N_SUPER))
        self.fine = nn.Sequential(nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, N_SUB))

    def forward(self, x):
        h = self.trunk(x)
        return self.coarse(h), self.fine(h)


class HierarchicalLoss:
    def __init__(self, alpha=1.0, beta=0.8, p_loss=3.0):
        self.alpha, self.beta, self.p_loss = alpha, beta, p_loss

    def layer_loss(self, preds, targets):
        return self.alpha * sum(F.cross_entropy(p, t) for p, t in zip(preds, targets))

    def dependence_loss(self, preds):
        coarse, fine = preds
        parent_of_pred = PARENT[fine.argmax(dim=1)]
        D = torch.where(coarse.argmax(dim=1) == parent_of_pred, torch.zeros(len(fine)), torch.ones(len(fine)))
        return self.beta * torch.mean(self.p_loss ** D - 1)


@torch.no_grad()
def scores(model, loader):
    model.eval()
    c = f = ok = n = 0
    for x, y1, y2 in loader:
        p1, p2 = (p.argmax(1) for p in model(x))
        c, f, ok, n = c + (p1 == y1).sum(), f + (p2 == y2).sum(), ok + (PARENT[p2] == p1).sum(), n + len(x)
    return tuple((v / n).item() for v in (c, f, ok))


def main(epochs=15):
    torch.manual_seed(3)
    train_loader = DataLoader(build(2500, 1), batch_size=64, shuffle=True)
    test_loader = DataLoader(build(1000, 2), batch_size=250)
    model, HLN = HierarchicalNet(), HierarchicalLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    for epoch in range(epochs):
        model.train()
        ll = dl = 0.0
        for x, y1, y2 in train_loader:
            preds = model(x)
            lloss = HLN.layer_loss(preds, (y1, y2))
            dloss = HLN.dependence_loss(preds)
            optimizer.zero_grad()
            (lloss + dloss).backward()
            optimizer.step()
            ll += lloss.item()
            dl += dloss.item()
        c, f, ok = scores(model, test_loader)
        print(f"epoch {epoch + 1:2d} layer {ll / len(train_loader):.3f} dependence {dl / len(train_loader):.3f} "
              f"coarse acc {c:.3f} fine acc {f:.3f} consistent {ok:.3f}")


if __name__ == "__main__":
    main()
