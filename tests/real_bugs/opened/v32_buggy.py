"""Attention-based multiple-instance learning on bags of very different size, padded to the largest."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Bags(Dataset):
    """A positive bag holds one or two witness instances among 3 to 40 ordinary ones."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        direction = torch.randn(10, generator=torch.Generator().manual_seed(320))
        direction = 3.4 * direction / direction.norm()
        self.items = []
        for _ in range(n):
            size = 3 + int(torch.randint(0, 9, (1,), generator=g)) ** 2 // 2 + 1
            bag = torch.randn(size, 10, generator=g)
            label = int(torch.randint(0, 2, (1,), generator=g))
            if label:
                k = int(torch.randint(1, 3, (1,), generator=g))
                bag[torch.randperm(size, generator=g)[:k]] += direction
            self.items.append((bag, float(label)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    size = max(len(b) for b, _ in items)
    bags = torch.stack([F.pad(b, (0, 0, 0, size - len(b))) for b, _ in items])
    mask = torch.stack([torch.arange(size) < len(b) for b, _ in items])
    return bags, mask, torch.tensor([y for _, y in items])


class ABMIL(nn.Module):
    def __init__(self, n_in=10, hidden=32):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU())
        self.v, self.u, self.w = nn.Linear(hidden, 24), nn.Linear(hidden, 24), nn.Linear(24, 1)
        self.classifier = nn.Linear(hidden, 1)

    def forward(self, bags, mask):
        h = self.embed(bags)
        a = self.w(torch.tanh(self.v(h)) * torch.sigmoid(self.u(h))).squeeze(-1)
        a = a * mask
        a = F.softmax(a, dim=1)
        return self.classifier((a[..., None] * h).sum(1)).squeeze(-1)


@torch.no_grad()
def check(model, data, batch_size):
    model.eval()
    loss, right = 0.0, 0
    for bags, mask, y in DataLoader(data, batch_size=batch_size, collate_fn=collate):
        out = model(bags, mask)
        loss += F.binary_cross_entropy_with_logits(out, y, reduction="sum").item()
        right += ((out > 0).float() == y).sum().item()
    return loss / len(data), right / len(data)


torch.manual_seed(321)
train, val = Bags(2000, 1), Bags(500, 2)
loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
model = ABMIL()
opt = torch.optim.Adam(model.parameters(), lr=1.5e-3, weight_decay=1e-4)
for epoch in range(9):
    model.train()
    total = 0.0
    for bags, mask, y in loader:
        loss = F.binary_cross_entropy_with_logits(model(bags, mask), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    batched, single = check(model, val, 50), check(model, val, 1)
    print(f"epoch {epoch} loss {total / len(loader):.4f} val {batched[0]:.4f} acc {batched[1]:.3f} "
          f"| one bag at a time {single[0]:.4f} acc {single[1]:.3f}")
