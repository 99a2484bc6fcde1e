"""Small programs with known answers: each fault beside its mended twin."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

K, D = 4, 12


def batches(n: int = 160, size: int = 20, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Four clusters in twelve columns: x (20, 12) of about unit variance, y (20,)."""
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(K, D, generator=torch.Generator().manual_seed(77))
    y = torch.arange(n) % K
    y = y[torch.randperm(n, generator=g)]
    x = (centres[y] + 0.7 * torch.randn(n, D, generator=g)) / 1.2
    return list(zip(x.split(size), y.split(size), strict=True))


def regression(
    n: int = 160, size: int = 20,
    shape: tuple[int, ...] = (1, )) -> list[tuple[torch.Tensor, torch.Tensor]]:
    x = torch.randn(n, D, generator=torch.Generator().manual_seed(1))
    y = (x[:, 0] * x[:, 1] + x[:, 2]).reshape(n, *shape)
    return list(zip(x.split(size), y.split(size), strict=True))


def mlp(out: int = K, *more: nn.Module, act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    return nn.Sequential(nn.Linear(D, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, out),
                         *more)


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=3e-3)


class Lambda(nn.Module):
    def __init__(self, f) -> None:
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class InList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [nn.Linear(D, D)]
        self.out = nn.Linear(D, K)

    def forward(self, x):
        return self.out(torch.relu(self.blocks[0](x)))


class Detached(nn.Module):
    def __init__(self, cut: bool = True) -> None:
        super().__init__()
        self.body, self.out, self.cut = nn.Linear(D, 16), nn.Linear(16, K), cut

    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.out(h.detach() if self.cut else h)


class Unused(Detached):
    def __init__(self) -> None:
        super().__init__(cut=False)
        self.spare = nn.Linear(D, D)


class Noisy(nn.Module):
    def __init__(self, flag: bool) -> None:
        super().__init__()
        self.a, self.b, self.flag = nn.Linear(D, 32), nn.Linear(32, K), flag

    def forward(self, x):
        return self.b(F.dropout(torch.relu(self.a(x)), 0.5, self.training if self.flag else True))


class Sequence(nn.Module):
    """Token model (N, T) -> (N, T, 6); it peeks at the next token when it is not causal."""

    def __init__(self, causal: bool = True) -> None:
        super().__init__()
        self.words, self.rnn, self.out = nn.Embedding(6, 8), nn.GRU(8, 16,
                                                                    batch_first=True), nn.Linear(
                                                                        16, 6)
        self.causal = causal

    def forward(self, tokens):
        h, _ = self.rnn(self.words(tokens))
        return self.out(h if self.causal else h + h.roll(-1, 1))


def tokens() -> list[tuple[torch.Tensor, torch.Tensor]]:
    t = torch.randint(6, (16, 9), generator=torch.Generator().manual_seed(0))
    return [(t[:, :-1], t[:, 1:])]


def token_loss(z, y):
    return F.cross_entropy(z.reshape(-1, 6), y.reshape(-1))


class WrongBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return grad * x * s * (1 - s)


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def step_without_zero(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def epoch_accumulating(model, optimizer, loader):
    for i, (x, y) in enumerate(loader):
        F.cross_entropy(model(x), y).div(2).backward()
        if i % 2:
            optimizer.step()
            optimizer.zero_grad()


def epoch_zero_once(model, optimizer, loader):
    optimizer.zero_grad()
    for x, y in loader:
        step_without_zero(model, optimizer, x, y)
