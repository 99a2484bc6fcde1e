"""A small decoder that continues sequences of additions modulo ten."""
import torch
from torch import nn
from torch.nn import functional as F


def make_sequences(count, length, generator):
    """x[t] = x[t-1] + x[t-2] mod 10, from two random digits; one in ten is replaced by noise."""
    x = torch.randint(10, (count, length), generator=generator)
    for t in range(2, length):
        rule = (x[:, t - 1] + x[:, t - 2]) % 10
        x[:, t] = torch.where(torch.rand(count, generator=generator) < 0.9, rule, x[:, t])
    return x


class Block(nn.TransformerDecoderLayer):
    """A decoder layer that needs no memory."""

    def forward(self, tgt, tgt_mask=None):
        tgt = self.norm1(tgt + self.self_attn(tgt, tgt, tgt, attn_mask=tgt_mask)[0])
        return self.norm2(tgt + self.linear2(self.activation(self.linear1(tgt))))


class Decoder(nn.Module):
    def __init__(self, d=32, n_layers=2, length=24):
        super().__init__()
        self.tok, self.pos = nn.Embedding(10, d), nn.Embedding(length, d)
        self.layers = nn.ModuleList(
            Block(d, 4, 64, dropout=0.0, batch_first=True) for _ in range(n_layers))
        self.head = nn.Linear(d, 10)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, ids):
        t = ids.size(1)
        x = self.tok(ids) + self.pos(torch.arange(t))
        for layer in self.layers:
            x = layer(x, tgt_mask=self.mask[:t, :t])
        return self.head(x)


@torch.no_grad()
def continued(model, prompt, steps):
    for _ in range(steps):
        prompt = torch.cat([prompt, model(prompt)[:, -1:].argmax(-1)], 1)
    return prompt


def main():
    torch.manual_seed(1)
    rng = torch.Generator().manual_seed(1)
    data = make_sequences(640, 17, rng)
    model = Decoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(120):
        batch = data[torch.randint(len(data), (64,), generator=rng)]
        logits = model(batch[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 10), batch[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 40 == 39:
            print(f"step {step + 1}: loss {loss.item():.4f}")
    model.eval()
    fresh = make_sequences(100, 4, rng)
    made = continued(model, fresh, 6)
    right = (made[:, 2:] == (made[:, 1:-1] + made[:, :-2]) % 10)[:, 2:].float().mean()
    print(f"continuations that keep the rule: {right:.3f}")


main()
