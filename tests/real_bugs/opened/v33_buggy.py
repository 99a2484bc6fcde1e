"""Supervised fine-tuning on prompt/response pairs; only the response is to be learned."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

DIGITS, SEP, EOS, PAD = 10, 10, 11, 12
VOCAB, MAX_LEN = 13, 16


class PairDataset(Dataset):
    """Prompt: 3 to 6 digits and a separator. Response: smallest, largest, last digit, then EOS."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.pairs = []
        for _ in range(n):
            k = int(torch.randint(3, 7, (1,), generator=g))
            d = torch.randint(0, DIGITS, (k,), generator=g).tolist()
            self.pairs.append((d + [SEP], [min(d), max(d), d[-1], EOS]))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        prompt, response = self.pairs[i]
        ids = prompt + response
        # position t of the mask belongs to the prediction made at t, that is to token t + 1
        loss_mask = [0] * len(prompt) + [1] * (len(response) - 1)
        fill = MAX_LEN - len(ids)
        return torch.tensor(ids + [PAD] * fill), torch.tensor(loss_mask + [0] * (MAX_LEN - 1 - len(loss_mask)))


class Decoder(nn.Module):
    def __init__(self, dim=48, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, dim), nn.Embedding(MAX_LEN, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.lm_head = nn.LayerNorm(dim), nn.Linear(dim, VOCAB)

    def forward(self, ids):
        t = ids.shape[1]
        causal = nn.Transformer.generate_square_subsequent_mask(t)
        return self.lm_head(self.norm(self.layers(self.tok(ids) + self.pos.weight[:t], mask=causal, is_causal=True)))


@torch.no_grad()
def exact_match(model, data):
    model.eval()
    good, first = 0, 0
    by_length = {}
    for prompt, response in data.pairs:
        by_length.setdefault(len(prompt), []).append((prompt, response))
    for group in by_length.values():
        ids = torch.tensor([p for p, _ in group])
        want = torch.tensor([r for _, r in group])
        for _ in range(4):
            ids = torch.cat([ids, model(ids)[:, -1].argmax(-1, keepdim=True)], dim=1)
        got = ids[:, -4:]
        good += (got == want).all(1).sum().item()
        first += (got[:, 0] == want[:, 0]).sum().item()
    return good / len(data), first / len(data)


def main():
    torch.manual_seed(330)
    train_loader = DataLoader(PairDataset(3500, 1), batch_size=64, shuffle=True)
    test = PairDataset(400, 2)
    model = Decoder()
    epochs = 7
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train_loader))
    for epoch in range(epochs):
        model.train()
        total = tokens = 0.0
        for ids, mask in train_loader:
            per_token = F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:], reduction="none")
            loss = (per_token * mask).sum() / mask.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total += (per_token * mask).sum().item()
            tokens += mask.sum().item()
        whole, first = exact_match(model, test)
        print(f"epoch {epoch} loss {total / tokens:.4f} generated exactly {whole:.3f} first token right {first:.3f}")


if __name__ == "__main__":
    main()
