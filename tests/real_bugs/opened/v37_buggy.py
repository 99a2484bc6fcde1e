"""Patch embeddings for time-series anomaly detection: hard-negative triplet loss and a small pretext task."""
import torch
import torch.nn as nn
import torch.nn.functional as F

WINDOW = 32


class PatchEncoder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 7, padding=3), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2),
                                  nn.Conv1d(16, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(), nn.AdaptiveAvgPool1d(4))
        self.project = nn.Linear(128, dim)
        self.pretext = nn.Linear(dim, 1)

    def forward(self, x):
        return F.normalize(self.project(self.conv(x[:, None]).flatten(1)), dim=1)


def triplet_loss(anchor, positive, margin=0.5):
    pos_dists = 1 - (anchor * positive).sum(1)
    neg_dists = 1 - anchor @ anchor.T
    # an anchor is not its own negative
    neg_dists = neg_dists.masked_fill(torch.eye(len(anchor), dtype=torch.bool), float("inf"))
    hard_neg_dists = neg_dists.max(dim=1).values
    return F.relu(pos_dists - hard_neg_dists + margin).mean()


def regimes(n, gen, kinds=12):
    """Windows from a dozen machine states; each state has its own waveform."""
    shape = torch.randn(kinds, 4, generator=torch.Generator().manual_seed(370))
    kind = torch.randint(0, kinds, (n,), generator=gen)
    t = torch.linspace(0, 1, WINDOW + 4)
    basis = torch.stack([torch.sin(6.28 * k * t) for k in (1, 2, 3, 5)])
    clean = shape[kind] @ basis
    return clean / clean.std(1, keepdim=True), kind


def view(x, gen):
    """A window cut with a small random shift, with fresh noise."""
    start = torch.randint(0, 5, (len(x), 1), generator=gen)
    return x.gather(1, start + torch.arange(WINDOW)) + 0.5 * torch.randn(len(x), WINDOW, generator=gen)


@torch.no_grad()
def same_state_at_one(model, x, kind, gen):
    model.eval()
    z = model(view(x, gen))
    sim = (z @ z.T).fill_diagonal_(-1.0)
    return (kind[sim.argmax(1)] == kind).float().mean().item(), z.std(0).mean().item()


torch.manual_seed(371)
gen = torch.Generator().manual_seed(371)
x, _ = regimes(2400, gen)
xv, kind_v = regimes(600, gen)
model = PatchEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(8):
    model.train()
    trip_sum = pre_sum = 0.0
    for i in torch.randperm(len(x), generator=gen).split(12):
        a, p = model(view(x[i], gen)), model(view(x[i], gen))
        triplet = triplet_loss(a, p)
        # pretext: were two windows cut from the same stretch?
        pairs = torch.cat([a * p, a * p.roll(1, 0)])
        label = torch.cat([torch.ones(len(i)), torch.zeros(len(i))])
        pretext = F.binary_cross_entropy_with_logits(model.pretext(pairs).squeeze(1), label)
        loss = triplet + 0.2 * pretext
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        trip_sum += triplet.item()
        pre_sum += pretext.item()
    hit, spread = same_state_at_one(model, xv, kind_v, torch.Generator().manual_seed(9))
    print(f"epoch {epoch} triplet {trip_sum / 200:.4f} pretext {pre_sum / 200:.4f} nearest is same state {hit:.3f} spread {spread:.3f}")
