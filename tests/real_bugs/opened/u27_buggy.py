"""Logistic regression and a small MLP trained with a hand-written SGD update on generated credit data."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def credit(n, gen):
    x = torch.randn(n, 10, generator=gen)
    w = torch.tensor([1.0, -1.0, 0.5, 0.0, 0.0, 0.7, -0.3, 0.0, 0.2, 0.0])
    logit = x @ w + 0.8 * x[:, 3] * x[:, 4]
    y = (torch.rand(n, generator=gen) < torch.sigmoid(2 * logit)).float()
    return x, y


class SimpleSGD:
    def __init__(self, params, lr):
        self.params = list(params)
        self.lr = lr

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p in self.params:
            p = p - self.lr * p.grad


def train(model, x, y, epochs, lr, batch=40):
    opt = SimpleSGD(model.parameters(), lr)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(batch):
            opt.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(x[idx]).squeeze(1), y[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        yield epoch, total / len(x)


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return ((model(x).squeeze(1) > 0).float() == y).float().mean().item()


def main():
    torch.manual_seed(16)
    gen = torch.Generator().manual_seed(16)
    x, y = credit(2000, gen)
    x_val, y_val = credit(500, gen)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    for epoch, loss in train(model, x, y, epochs=10, lr=0.2):
        print(f"epoch {epoch} loss {loss:.4f} val acc {accuracy(model, x_val, y_val):.3f}")


if __name__ == "__main__":
    main()
