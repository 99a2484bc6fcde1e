"""Reads formulas: features of a picture in, a padded row of symbols out, one symbol after another."""
import torch
from torch import nn
from torch.nn import functional as F

PAD = 0


def formulas(n, seed, longest=24, symbols=20):
    """Features (N, 16), rows (N, T) that begin with symbol 1 and end with padding."""
    g = torch.Generator().manual_seed(seed)
    rows = torch.full((n, longest), PAD)
    size = torch.randint(5, longest, (n, ), generator=g)
    rows[:, 0] = 1
    first = torch.randint(2, symbols, (n, ), generator=g)
    for t in range(1, longest):
        nxt = 2 + (first + 3 * t) % (symbols - 2)
        rows[:, t] = torch.where(t < size, nxt, torch.tensor(PAD))
    return F.one_hot(first, symbols).float() @ torch.randn(symbols, 16, generator=torch.Generator().manual_seed(7)), rows


class AutoregressiveWrapper(nn.Module):
    def __init__(self, symbols=20, ignore_index=PAD, pad_value=PAD):
        super().__init__()
        self.ignore_index, self.pad_value = ignore_index, pad_value
        self.embed = nn.Embedding(symbols, 32)
        self.start = nn.Linear(16, 64)
        self.rnn = nn.GRU(32, 64, batch_first=True)
        self.out = nn.Linear(64, symbols)

    def logits(self, features, row):
        return self.out(self.rnn(self.embed(row), torch.tanh(self.start(features))[None])[0])

    def forward(self, features, rows):
        xi, xo = rows[:, :-1], rows[:, 1:]
        return F.cross_entropy(self.logits(features, xi).transpose(1, 2), xo, ignore_index=self.ignore_index)


def main():
    torch.manual_seed(0)
    features, rows = formulas(800, 0)
    test_features, test_rows = formulas(100, 1)
    model = AutoregressiveWrapper()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(4):
        model.train()
        for at in torch.randperm(len(rows)).split(40):
            loss = model(features[at], rows[at])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            guess, truth = model.logits(test_features, test_rows[:, :-1]).argmax(-1), test_rows[:, 1:]
        real = truth != PAD
        print(f"epoch {epoch} loss {loss.item():.4f} symbols right {(guess == truth)[real].float().mean().item():.4f}")


if __name__ == "__main__":
    main()
