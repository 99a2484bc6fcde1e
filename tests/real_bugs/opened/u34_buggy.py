"""Predicts the score of padded reviews from mean-pooled token vectors."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD = 0


class Reviews(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(n):
            tone = float(torch.rand((), generator=g))
            length = int(torch.randint(4, 40, (1,), generator=g))
            ids = torch.randint(1, 60, (length,), generator=g)
            positive = torch.rand(length, generator=g) < tone
            ids[positive] = torch.randint(60, 70, (int(positive.sum()),), generator=g)
            self.items.append((ids, 4 * positive.float().mean() - 2 + 0.1 * torch.randn((), generator=g)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    ids = pad_sequence([b[0] for b in batch], batch_first=True, padding_value=PAD)
    return ids, (ids != PAD).float(), torch.stack([b[1] for b in batch])


class ScoreNet(nn.Module):
    def __init__(self, vocab=70, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.mix = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())
        self.score = nn.Linear(dim, 1)

    def forward(self, ids, mask):
        h = self.mix(self.emb(ids))
        pooled = h.mean(dim=1)
        return self.score(pooled).squeeze(1)


def evaluate(model, loader):
    model.eval()
    err = n = 0
    with torch.no_grad():
        for ids, mask, y in loader:
            err += (model(ids, mask) - y).abs().sum().item()
            n += len(y)
    return err / n


torch.manual_seed(90)
train_loader = DataLoader(Reviews(3000, 1), batch_size=32, shuffle=True, collate_fn=collate)
test_loader = DataLoader(Reviews(600, 2), batch_size=64, collate_fn=collate)
model = ScoreNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.MSELoss()

for epoch in range(5):
    model.train()
    total = 0.0
    for ids, mask, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(ids, mask), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.4f} test mean abs error {evaluate(model, test_loader):.3f}")
