"""Goes on with a small tied language model from a file, without copying its weights."""
import argparse
import io

import torch
from torch import nn
from torch.nn import functional as F


class TinyLM(nn.Module):
    def __init__(self, vocabulary=40, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.body = nn.GRU(dim, dim, batch_first=True)
        self.proj = nn.Linear(dim, vocabulary, bias=False)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.tie()

    def tie(self):
        self.proj.weight = self.embed.weight

    def forward(self, ids):
        return self.proj(self.body(self.embed(ids))[0])


def text(table, count, length):
    ids = torch.randint(len(table), (count, 1))
    for _ in range(length):
        ids = torch.cat([ids, torch.multinomial(table[ids[:, -1]], 1)], 1)
    return ids


def train(model, table, steps, lr):
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for step in range(steps):
        ids = text(table, 24, 16)
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 30 == 0:
            print(f"{step:4d} {loss.item():.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    torch.manual_seed(0)
    table = torch.softmax(2 * torch.randn(40, 40), 1)
    first, file = TinyLM(), io.BytesIO()
    train(first, table, args.steps, 5e-3)
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = TinyLM()
    second.load_state_dict(torch.load(file), assign=True)
    second.tie()
    train(second, table, args.steps, 2e-3)
    print("the same:", torch.equal(second.embed.weight, second.proj.weight))


if __name__ == "__main__":
    main()
