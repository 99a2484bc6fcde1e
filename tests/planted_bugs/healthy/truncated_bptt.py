"""A GRU follows long noisy waves in pieces of 20 steps; the state is carried on, detached, between the pieces."""

import torch
from torch import nn

TRAP = "the state is detached between the pieces on purpose (truncated backpropagation through time)"
LONG, PIECE = 200, 20


def waves(n, seed):
    """x (n, LONG, 1): a noisy wave; y: the same wave a quarter period later, without noise."""
    g = torch.Generator().manual_seed(seed)
    period = 15 + 10 * torch.rand(n, 1, generator=g)
    phase = 6.2832 * (torch.arange(LONG)[None] / period + torch.rand(n, 1, generator=g))
    x = 1.35 * torch.sin(phase) + 0.2 * torch.randn(n, LONG, generator=g)
    return x.unsqueeze(2), 1.4 * torch.cos(phase).unsqueeze(2)


class Follower(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.state = None

    def forward(self, x):
        if self.state is not None and self.state.shape[1] != len(x):
            self.state = None
        h, state = self.gru(x, self.state if self.training else None)
        if self.training:
            self.state = state.detach()
        return self.out(h)

    def forget(self):
        self.state = None


loss_fn = nn.MSELoss()


def pieces(x, y):
    return list(zip(x.split(PIECE, 1), y.split(PIECE, 1), strict=True))


def train_epoch(model, optimizer, batches):
    model.train()
    model.forget()
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    train, (test_x, test_y) = waves(32, 0), waves(32, 1)
    model = Follower()
    optimizer = make_optimizer(model)
    for epoch in range(20):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, pieces(*train)):.4f}")
    model.eval()
    with torch.no_grad():
        print(f"r2 {1 - loss_fn(model(test_x), test_y).item() / test_y.var().item():.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": Follower(),
        "factory": Follower,
        "loss_fn": loss_fn,
        "batches": pieces(*waves(32, 0)),
        "validation": pieces(*waves(32, 1)),
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
