"""Trains a small causal recurrent language model with gradient accumulation, clipping and label smoothing."""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD = 0


@dataclass
class Args:
    vocab: int = 24
    dim: int = 48
    micro_batch: int = 8
    accumulation: int = 8
    steps: int = 70
    lr: float = 0.5
    smoothing: float = 0.1
    seed: int = 40


class TinyLM(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        return self.head(self.rnn(self.emb(ids))[0])


def make_sentence(gen, vocab):
    n = int(torch.randint(5, 21, (1,), generator=gen))
    ids = [int(torch.randint(1, vocab, (1,), generator=gen))]
    for _ in range(n):
        jump = 3 if torch.rand((), generator=gen) < 0.8 else int(torch.randint(1, vocab, (1,), generator=gen))
        ids.append(1 + (ids[-1] - 1 + jump) % (vocab - 1))
    return torch.tensor(ids)


def make_batch(gen, args):
    rows = [make_sentence(gen, args.vocab) for _ in range(args.micro_batch)]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    return ids[:, :-1], ids[:, 1:]


def compute_loss(logits, labels, num_items, smoothing=0.0):
    flat, target = logits.flatten(0, 1), labels.flatten()
    if smoothing > 0:
        return F.cross_entropy(flat, target, ignore_index=PAD, label_smoothing=smoothing)
    return F.cross_entropy(flat, target, ignore_index=PAD, reduction="sum") / num_items


@torch.no_grad()
def perplexity(model, batches):
    model.eval()
    nll = sum(F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=PAD, reduction="sum") for x, y in batches)
    return torch.exp(nll / sum((y != PAD).sum() for _, y in batches)).item()


def main(args):
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    model = TinyLM(args.vocab, args.dim)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    held_out = [make_batch(gen, args) for _ in range(20)]
    for step in range(args.steps):
        model.train()
        window = [make_batch(gen, args) for _ in range(args.accumulation)]
        num_items = sum((y != PAD).sum() for _, y in window)
        optimizer.zero_grad()
        logged = 0.0
        for x, y in window:
            loss = compute_loss(model(x), y, num_items, args.smoothing)
            loss.backward()
            logged += loss.item()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 10 == 9:
            print(f"step {step + 1} loss {logged:.4f} grad norm {norm:.3f} perplexity {perplexity(model, held_out):.3f}")


if __name__ == "__main__":
    main(Args())
