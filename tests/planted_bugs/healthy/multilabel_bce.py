"""Which of five marks are in the picture? Several may be: a multi-label net with BCE on logits."""

import torch
from torch import nn

TRAP = "multi-label targets: floats of shape (N, 5), initial loss ln 2"
PLACES = torch.tensor([[1, 1], [1, 7], [4, 4], [7, 1], [7, 7]])


def marks(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, 5, generator=g) < 0.5).float()
    x = 0.4 * torch.randn(n, 1, 10, 10, generator=g)
    for k, (row, column) in enumerate(PLACES.tolist()):
        x[:, 0, row : row + 2, column : column + 2] += 1.2 * y[:, k, None, None]
    return (x - 0.12) / 0.53, y


class MarkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 25, 32)
        self.fc2 = nn.Linear(32, 5)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.BCEWithLogitsLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([((model(x) > 0) == (y > 0.5)).flatten() for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = marks(800, 0), marks(200, 1)
    model = MarkNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy per mark {evaluate(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": MarkNet(),
        "factory": MarkNet,
        "loss_fn": loss_fn,
        "batches": batches(*marks(800, 0)),
        "validation": batches(*marks(200, 1)),
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
