"""Character-level transformer language model on generated arithmetic strings, with greedy completion."""
import torch
import torch.nn as nn
import torch.nn.functional as F

CHARS = "0123456789+=;"
STOI = {c: i for i, c in enumerate(CHARS)}


def corpus(n, seed):
    g = torch.Generator().manual_seed(seed)
    pairs = torch.randint(0, 5, (n, 2), generator=g).tolist()
    text = "".join(f"{a}+{b}={a + b};" for a, b in pairs)
    return torch.tensor([STOI[c] for c in text])


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(x).split(d, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class GPT(nn.Module):
    def __init__(self, vocab, block, dim=32, heads=2, depth=2):
        super().__init__()
        self.block = block
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(block, dim)
        self.ln = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * depth + 1))
        self.att = nn.ModuleList(Attention(dim, heads) for _ in range(depth))
        self.ff = nn.ModuleList(nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)) for _ in range(depth))
        self.head = nn.Linear(dim, vocab, bias=False)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        for i, (att, ff) in enumerate(zip(self.att, self.ff)):
            x = x + att(self.ln[2 * i](x))
            x = x + ff(self.ln[2 * i + 1](x))
        return self.head(self.ln[-1](x))

    @torch.no_grad()
    def complete(self, ids, n):
        for _ in range(n):
            nxt = self(ids[:, -self.block:])[:, -1].argmax(-1, keepdim=True)
            ids = torch.cat([ids, nxt], dim=1)
        return ids


def get_batch(data, block, size):
    start = torch.randint(0, (len(data) - block - 1) // 6, (size,)) * 6
    idx = start[:, None] + torch.arange(block + 1)
    chunk = data[idx]
    return chunk[:, :-1], chunk[:, 1:]


def main():
    torch.manual_seed(101)
    block = 18
    train, val = corpus(3000, 1), corpus(300, 2)
    model = GPT(len(CHARS), block)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    for step in range(1, 401):
        model.train()
        x, y = get_batch(train, block, 32)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                xv, yv = get_batch(val, block, 64)
                vl = F.cross_entropy(model(xv).flatten(0, 1), yv.flatten()).item()
                prompts = val[: 6 * 200].view(200, 6)
                good = (model.complete(prompts[:, :4], 1)[:, 4] == prompts[:, 4]).float().mean().item()
            print(f"step {step} train {loss.item():.4f} val {vl:.4f} sums right {good:.3f}")


if __name__ == "__main__":
    main()
