"""Fine-tunes a small causal language model on prompts of different length, padded on the left."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

VOCAB, PAD, MAX_LEN, DIM = 21, 0, 20, 48


class CausalLM(nn.Module):
    def __init__(self, layers=2, heads=4):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.positions = nn.Embedding(MAX_LEN, DIM)
        layer = nn.TransformerEncoderLayer(DIM, heads, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, VOCAB)

    def forward(self, input_ids, attention_mask):
        b, t = input_ids.shape
        position_ids = torch.arange(t).expand(b, t)
        x = self.tokens(input_ids) + self.positions(position_ids)
        causal = torch.ones(t, t, dtype=torch.bool).tril()
        allowed = causal & attention_mask[:, None, :]
        allowed = allowed | torch.eye(t, dtype=torch.bool)  # padding attends to itself, to nothing else
        mask = torch.zeros(b, t, t).masked_fill(~allowed, float("-inf"))
        x = self.body(x, mask=mask.repeat_interleave(4, dim=0))
        return self.head(self.norm(x))


def documents(n, seed):
    """The k-th token follows from the one before it and from k: x[k+1] = x[k] + step[k]."""
    g = torch.Generator().manual_seed(seed)
    step = torch.randint(0, VOCAB - 1, (MAX_LEN,), generator=torch.Generator().manual_seed(310))
    docs = []
    for _ in range(n):
        length = int(torch.randint(6, MAX_LEN + 1, (1,), generator=g))
        doc = [int(torch.randint(0, VOCAB - 1, (1,), generator=g))]
        for k in range(length - 1):
            doc.append((doc[-1] + int(step[k])) % (VOCAB - 1))
        docs.append(torch.tensor(doc) + 1)
    return docs


def left_pad(batch):
    t = max(len(d) for d in batch)
    ids = torch.stack([F.pad(d, (t - len(d), 0), value=PAD) for d in batch])
    return ids, ids != PAD


def lm_loss(model, ids, mask):
    logits = model(ids, mask)[:, :-1]
    labels = ids[:, 1:].masked_fill(~(mask[:, 1:] & mask[:, :-1]), -100)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten()), logits, labels


def main():
    torch.manual_seed(311)
    loader = DataLoader(documents(1300, 1), batch_size=40, shuffle=True, collate_fn=left_pad)
    test = documents(200, 2)
    model = CausalLM()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    for epoch in range(6):
        model.train()
        total = 0.0
        for ids, mask in loader:
            loss, _, _ = lm_loss(model, ids, mask)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        right = count = 0
        with torch.no_grad():
            for doc in test:  # one document at a time, so without padding
                _, logits, labels = lm_loss(model, doc[None], torch.ones(1, len(doc), dtype=torch.bool))
                right += (logits.argmax(-1) == labels).sum().item()
                count += labels.numel()
        print(f"epoch {epoch} loss {total / len(loader):.4f} test next-token accuracy {right / count:.3f}")


if __name__ == "__main__":
    main()
