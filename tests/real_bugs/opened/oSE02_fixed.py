"""Occupation codes from short free texts: each code attends to the words that speak for it."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD, CODES, VOCABULARY = 0, 5, 60


def corpus(n, seed):
    """Each text has 3 to 11 words; one of them is a key word of its code."""
    g = torch.Generator().manual_seed(seed)
    texts = []
    for _ in range(n):
        code = torch.randint(CODES, (1,), generator=g).item()
        words = torch.randint(CODES * 3 + 1, VOCABULARY,
                              (torch.randint(3, 12, (1,), generator=g).item(),), generator=g)
        spot = torch.randint(len(words), (1,), generator=g).item()
        words[spot] = 1 + 3 * code + torch.randint(3, (1,), generator=g).item()
        texts.append((words, code))
    return texts


def collate(batch):
    ids = pad_sequence([words for words, _ in batch], batch_first=True, padding_value=PAD)
    # one more place, as the tokenizer of the project leaves room for a separator
    ids = F.pad(ids, (0, 1), value=PAD)
    return {"input_ids": ids, "attention_mask": ids != PAD}, torch.tensor([y for _, y in batch])


class LabelAttention(nn.Module):
    """One query for each label."""

    def __init__(self, dim, labels):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(labels, dim))
        self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, h, attention_mask):
        q = self.queries.expand(len(h), -1, -1)
        mask = attention_mask[:, None, :]
        return F.scaled_dot_product_attention(q, self.k(h), self.v(h), attn_mask=mask)


class Coder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, dim)
        self.attention = LabelAttention(dim, CODES)
        self.score = nn.Linear(dim, 1)

    def forward(self, input_ids, attention_mask):
        return self.score(self.attention(self.words(input_ids), attention_mask)).squeeze(-1)


if __name__ == "__main__":
    torch.manual_seed(0)
    train = DataLoader(corpus(1200, 0), 48, shuffle=True, collate_fn=collate)
    held_out = DataLoader(corpus(240, 1), 48, collate_fn=collate)
    net = Coder()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for epoch in range(4):
        net.train()
        for batch, y in train:
            opt.zero_grad()
            loss = F.cross_entropy(net(**batch), y)
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            hits = sum((net(**b).argmax(-1) == y).sum().item() for b, y in held_out)
        print(f"epoch {epoch}  loss {loss.item():.3f}  accuracy {hits / 240:.3f}")
