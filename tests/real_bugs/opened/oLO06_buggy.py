"""Instruction tuning in miniature: the answer's tokens count, and a step is made of four micro-batches."""
import torch
from torch import nn
from torch.nn import functional as F

IGNORE, VOCABULARY = -100, 30


def pairs(n, seed):
    """Rows of a question of four tokens and an answer of one, or of twenty."""
    g = torch.Generator().manual_seed(seed)
    for _ in range(n):
        question = torch.randint(1, VOCABULARY, (4, ), generator=g)
        answer = question[:1] if torch.rand(1, generator=g) < 0.5 else question.repeat(5)
        row = torch.cat([question, answer])
        labels = row.clone()
        labels[:4] = IGNORE
        yield row[None], labels[None]


class Reader(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, row):
        return self.head(self.rnn(self.embed(row))[0])


def supervised_loss(model, row, labels, reduction):
    logits = model(row)[:, :-1].flatten(0, 1)
    return F.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORE, reduction=reduction)


def main():
    torch.manual_seed(0)
    model, accumulate = Reader(), 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    waiting, shown = [], 0.0
    for i, batch in enumerate(pairs(480, 0)):
        waiting.append(batch)
        if len(waiting) < accumulate:
            continue
        valid = sum(int((labels[:, 1:] != IGNORE).sum()) for _, labels in waiting)
        for row, labels in waiting:
            loss = supervised_loss(model, row, labels, "mean") / accumulate
            loss.backward()
            shown += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        waiting = []
        if i % 80 == 79:
            print(f"example {i + 1} loss {shown / 20:.4f} tokens of the last step {valid}")
            shown = 0.0
    with torch.no_grad():
        total = [supervised_loss(model, row, labels, "sum").item() for row, labels in pairs(60, 1)]
    print(f"held out, a pair {sum(total) / len(total):.3f}")


if __name__ == "__main__":
    main()
