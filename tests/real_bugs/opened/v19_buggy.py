"""Question type classification: bidirectional LSTM and additive attention over its states."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

VOCAB, LENGTH, TYPES = 60, 18, 6


class AttentiveReader(nn.Module):
    def __init__(self, emb=24, hidden=24):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.attn = nn.Sequential(nn.Linear(emb + 2 * hidden, 32), nn.Tanh(), nn.Linear(32, 1))
        self.out = nn.Linear(2 * hidden, TYPES)

    def forward(self, words):
        x = self.embed(words)
        outputs, _ = self.lstm(x)
        scores = self.attn(torch.cat([x, outputs], dim=-1))
        weights = F.softmax(scores, dim=-1)
        return self.out((weights * outputs).sum(1))


def questions(n, seed):
    """The type is told by the word right after the cue word 0; all other words are noise."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(1, VOCAB, (n, LENGTH), generator=g)
    cue = torch.randint(0, LENGTH - 1, (n,), generator=g)
    rows = torch.arange(n)
    x[rows, cue] = 0
    return x, x[rows, cue + 1] % TYPES


torch.manual_seed(190)
train = DataLoader(TensorDataset(*questions(5000, 1)), batch_size=64, shuffle=True)
xv, yv = questions(1000, 2)
net = AttentiveReader()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)

for epoch in range(6):
    net.train()
    total, right, seen = 0.0, 0, 0
    for x, y in train:
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        total += loss.item() * len(y)
        right += (logits.argmax(1) == y).sum().item()
        seen += len(y)
    net.eval()
    with torch.no_grad():
        val = net(xv)
    print(f"epoch {epoch} loss {total / seen:.4f} acc {right / seen:.3f} "
          f"val loss {F.cross_entropy(val, yv).item():.4f} val acc {(val.argmax(1) == yv).float().mean().item():.3f}")
