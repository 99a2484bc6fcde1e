"""Full-batch training of a small tanh network with LBFGS and a closure."""

import torch
from torch import nn

TRAP = "the closure runs forward and backward several times within one optimizer.step"


def curve(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = 3.4 * torch.rand(n, 1, generator=g) - 1.7
    return x, 1.4 * torch.sin(2.5 * x) + 0.05 * torch.randn(n, 1, generator=g)


def make_model():
    return nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))


loss_fn = nn.MSELoss()


def make_optimizer(model):
    return torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=5, line_search_fn="strong_wolfe")


def train_step(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        return loss

    return optimizer.step(closure)


def main():
    torch.manual_seed(0)
    (x, y), (test_x, test_y) = curve(256, 0), curve(200, 1)
    model = make_model()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_step(model, optimizer, x, y).item():.5f}")
    with torch.no_grad():
        print(f"r2 {1 - loss_fn(model(test_x), test_y).item() / test_y.var().item():.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": [curve(256, 0)],
        "validation": [curve(200, 1)],
        "optimizer": make_optimizer,
        "train_step": train_step,
    }


if __name__ == "__main__":
    main()
