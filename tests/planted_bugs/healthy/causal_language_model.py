"""A two-layer causal transformer (nn.TransformerEncoder with a causal mask) on sums of digits, letter by letter."""

import torch
import torch.nn.functional as F
from torch import nn

TRAP = "a sequence model whose outputs depend on earlier positions only"
TEXT = "0123456789+="


def sums(n, seed):
    """Strings such as 3+5=08: x is the string without its last letter, y without its first."""
    g = torch.Generator().manual_seed(seed)
    a, b = torch.randint(10, (2, n), generator=g).tolist()
    codes = [[TEXT.index(c) for c in f"{p}+{q}={p + q:02d}"] for p, q in zip(a, b, strict=True)]
    codes = torch.tensor(codes)
    return codes[:, :-1], codes[:, 1:]


class CausalLM(nn.Module):
    def __init__(self, width=48, heads=4, depth=2):
        super().__init__()
        self.letters = nn.Embedding(len(TEXT), width)
        self.places = nn.Parameter(0.02 * torch.randn(5, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, len(TEXT))

    def forward(self, tokens):
        steps = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(steps)
        x = self.letters(tokens) + self.places[:steps]
        return self.out(self.norm(self.blocks(x, mask=mask, is_causal=True)))


def loss_fn(logits, y):
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    """Share of sums whose two result letters are right."""
    model.eval()
    return torch.cat([(model(x).argmax(-1) == y)[:, -2:].all(1) for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    model = CausalLM()
    optimizer = make_optimizer(model)
    train = sums(640, 0)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {evaluate(model, batches(*sums(200, 1))):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": CausalLM(),
        "factory": CausalLM,
        "loss_fn": loss_fn,
        "batches": batches(*sums(640, 0)),
        "validation": batches(*sums(200, 1)),
        "num_classes": len(TEXT),
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
