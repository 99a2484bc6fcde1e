"""A character model of a toy grammar, trained in bfloat16."""
import torch
import torch.nn as nn

LETTERS = 20


def text(n, seed):
    """Each letter follows from the last two, with some noise."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randint(0, LETTERS, (LETTERS, LETTERS), generator=torch.Generator().manual_seed(5))
    out = [0, 1]
    noise = torch.rand(n, generator=g)
    random = torch.randint(0, LETTERS, (n,), generator=g)
    for i in range(n - 2):
        out.append(int(random[i]) if noise[i] < 0.2 else int(table[out[-2], out[-1]]))
    return torch.tensor(out)


class Bigram(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.letters = nn.Embedding(LETTERS, width)
        self.norm = nn.LayerNorm(2 * width)
        self.net = nn.Sequential(nn.Linear(2 * width, 128), nn.GELU(), nn.Linear(128, LETTERS))

    def forward(self, pairs):
        return self.net(self.norm(self.letters(pairs).flatten(1)))


def main():
    torch.manual_seed(0)
    data = text(6000, 0)
    model = Bigram()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5, betas=(0.9, 0.95))
    g = torch.Generator().manual_seed(2)
    for step in range(300):
        i = torch.randint(0, len(data) - 2, (64,), generator=g)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(torch.stack([data[i], data[i + 1]], 1))
        loss = nn.functional.cross_entropy(logits.float(), data[i + 2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
