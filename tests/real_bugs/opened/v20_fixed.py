"""Small decoder-only language model on a synthetic second-order grammar."""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, CONTEXT, DIM = 24, 32, 48


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = SelfAttention(dim, heads)
        self.ffn = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        a = self.attn(self.norm1(x))
        x = x + a
        return self.ffn(self.norm2(x)) + x


class TinyLM(nn.Module):
    def __init__(self, layers=3):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(CONTEXT, DIM)
        self.layers = nn.ModuleList(Layer(DIM, 4) for _ in range(layers))
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, VOCAB)

    def forward(self, ids):
        x = self.tok(ids) + self.pos.weight[:ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def corpus(n, gen):
    """Next symbol depends on the last two; one in six symbols is random."""
    table = torch.randint(0, VOCAB, (VOCAB, VOCAB), generator=torch.Generator().manual_seed(200))
    seq = [torch.randint(0, VOCAB, (n,), generator=gen) for _ in range(2)]
    for _ in range(CONTEXT - 1):
        nxt = table[seq[-2] % 6, seq[-1]]
        noise = torch.rand(n, generator=gen) < 1 / 6
        seq.append(torch.where(noise, torch.randint(0, VOCAB, (n,), generator=gen), nxt))
    return torch.stack(seq, dim=1)


def lm_loss(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def main():
    torch.manual_seed(201)
    gen = torch.Generator().manual_seed(201)
    train, val = corpus(1600, gen), corpus(300, gen)
    model = TinyLM()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    steps = 8 * 50
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 30, 1 - 0.9 * s / steps))
    for epoch in range(8):
        model.train()
        total = 0.0
        for i in torch.randperm(len(train)).split(32):
            loss = lm_loss(model, train[i])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            print(f"epoch {epoch} train loss {total / 50:.4f} val loss {lm_loss(model, val).item():.4f}")


if __name__ == "__main__":
    main()
