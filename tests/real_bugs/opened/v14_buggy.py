"""Attentional factorisation machine for click prediction on categorical fields."""
import itertools

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

FIELDS = (30, 20, 12, 8, 6)


class AttentionalFM(nn.Module):
    def __init__(self, dim=12, attn=12, dropouts=(0.2, 0.2)):
        super().__init__()
        self.register_buffer("offsets", torch.tensor([0, *itertools.accumulate(FIELDS[:-1])]))
        self.linear = nn.Embedding(sum(FIELDS), 1)
        self.embedding = nn.Embedding(sum(FIELDS), dim)
        nn.init.normal_(self.linear.weight, std=0.05)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.bias = nn.Parameter(torch.zeros(1))
        self.attention = nn.Linear(dim, attn)
        self.projection = nn.Linear(attn, 1)
        self.fc = nn.Linear(dim, 1)
        self.dropouts = dropouts
        pairs = list(itertools.combinations(range(len(FIELDS)), 2))
        self.rows, self.cols = zip(*pairs)

    def forward(self, x):
        x = x + self.offsets
        e = self.embedding(x)
        inner = e[:, self.rows] * e[:, self.cols]
        scores = F.softmax(self.projection(F.relu(self.attention(inner))), dim=1)
        scores = F.dropout(scores, p=self.dropouts[0])
        output = F.dropout((scores * inner).sum(1), p=self.dropouts[1])
        return (self.bias + self.linear(x).sum(1) + self.fc(output)).squeeze(1)


def clicks(n, seed):
    g = torch.Generator().manual_seed(seed)
    world = torch.Generator().manual_seed(140)
    taste = [torch.randn(f, 3, generator=world) for f in FIELDS]
    x = torch.stack([torch.randint(0, f, (n,), generator=g) for f in FIELDS], dim=1)
    v = torch.stack([t[x[:, k]] for k, t in enumerate(taste)], dim=1)
    score = (v[:, 0] * v[:, 1]).sum(-1) + (v[:, 2] * v[:, 3]).sum(-1) + 0.7 * v[:, 4, 0] - 0.2
    return x, torch.bernoulli(torch.sigmoid(1.3 * score), generator=g)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    scores, labels = zip(*((model(x), y) for x, y in loader))
    scores, labels = torch.cat(scores), torch.cat(labels)
    order = scores.argsort()
    rank = torch.empty_like(scores)
    rank[order] = torch.arange(1, len(scores) + 1).float()
    pos = labels.sum()
    auc = (rank[labels == 1].sum() - pos * (pos + 1) / 2) / (pos * (len(labels) - pos))
    return F.binary_cross_entropy_with_logits(scores, labels).item(), auc.item()


def main():
    torch.manual_seed(141)
    train = DataLoader(TensorDataset(*clicks(12000, 1)), batch_size=256, shuffle=True)
    test = DataLoader(TensorDataset(*clicks(3000, 2)), batch_size=500)
    model = AttentionalFM()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-6)
    for epoch in range(12):
        model.train()
        total = 0.0
        for x, y in train:
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        log_loss, auc = evaluate(model, test)
        print(f"epoch {epoch:2d} train logloss {total / len(train):.4f} test logloss {log_loss:.4f} test auc {auc:.4f}")


if __name__ == "__main__":
    main()
