"""Matches pairs of recordings (same speaker or not) with a shared convolutional encoder."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self, n, seed, speakers=12, length=48):
        g = torch.Generator().manual_seed(seed)
        t = torch.linspace(0, 1, length)
        pitch = 6 + 1.6 * torch.arange(speakers).float()
        a = torch.randint(0, speakers, (n,), generator=g)
        other = (a + torch.randint(1, speakers, (n,), generator=g)) % speakers
        self.same = (torch.rand(n, generator=g) < 0.5).float()
        b = torch.where(self.same.bool(), a, other)
        self.left, self.right = (
            torch.sin(6.283 * (pitch[s][:, None] * t + torch.rand(n, 1, generator=g)))
            + 0.3 * torch.randn(n, length, generator=g) for s in (a, b)
        )

    def __len__(self):
        return len(self.same)

    def __getitem__(self, i):
        return self.left[i], self.right[i], self.same[i]


class Matcher(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, width, 9), nn.ReLU(), nn.Conv1d(width, width, 9), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(2 * width, 32), nn.ReLU(), nn.Linear(32, 1))

    def encode(self, x):
        with torch.no_grad():
            return self.encoder(x.unsqueeze(1))

    def forward(self, left, right):
        a, b = self.encode(left), self.encode(right)
        return self.head(torch.cat([(a - b).abs(), a * b], dim=1)).squeeze(1)


def main():
    torch.manual_seed(300)
    train_loader = DataLoader(Pairs(2400, 1), batch_size=60, shuffle=True)
    val_loader = DataLoader(Pairs(500, 2), batch_size=250)
    model = Matcher()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(8):
        model.train()
        total = 0.0
        for left, right, same in train_loader:
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(left, right), same)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum(((model(a, b) > 0).float() == s).sum().item() for a, b, s in val_loader)
        print(f"epoch {epoch}: loss {total / len(train_loader):.4f} val acc {hits / 500:.3f}")


if __name__ == "__main__":
    main()
