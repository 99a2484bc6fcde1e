"""Adding problem: a GRU adds the two marked numbers of a sequence; gradients are clipped to norm 1."""

import torch
from torch import nn

STEPS = 12


def adding(n, seed):
    """x (n, STEPS, 2): numbers of unit variance and a mark; y (n, 1): the sum of the two marked numbers."""
    g = torch.Generator().manual_seed(seed)
    numbers = 3.4 * torch.rand(n, STEPS, generator=g) - 1.7
    first = torch.randint(STEPS // 2, (n,), generator=g)
    second = STEPS // 2 + torch.randint(STEPS // 2, (n,), generator=g)
    marks = torch.zeros(n, STEPS)
    marks[torch.arange(n), first] = 1
    marks[torch.arange(n), second] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


class Adder(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.readout(states[:, -1])


loss_fn = nn.MSELoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    optimizer.step()
    return loss


def make_batches(x, y, size=50):
    return [(x[i], y[i]) for i in torch.randperm(len(x)).split(size)]


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


@torch.no_grad()
def r2(model, x, y):
    return 1 - ((model(x) - y) ** 2).mean().item() / y.var().item()


def main():
    torch.manual_seed(0)
    train, test = adding(1000, 0), adding(300, 1)
    model = Adder()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        losses = [train_step(model, optimizer, x, y).item() for x, y in make_batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"r2 {r2(model, *test):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Adder(),
        "factory": Adder,
        "loss_fn": loss_fn,
        "batches": make_batches(*adding(1000, 0)),
        "validation": [adding(300, 1)],
        "optimizer": make_optimizer,
        "train_step": train_step,
    }


if __name__ == "__main__":
    main()
