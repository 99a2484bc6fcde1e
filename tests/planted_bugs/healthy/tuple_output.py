"""Variational classifier: returns logits, mean and log-variance of a latent code; two terms in the loss."""

import torch
import torch.nn.functional as F
from torch import nn

TRAP = "the model returns a tuple, and draws random numbers in training"


def clusters(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.3 * torch.randn(5, 10, generator=torch.Generator().manual_seed(500))
    y = torch.randint(5, (n,), generator=g)
    return (centres[y] + torch.randn(n, 10, generator=g)) / 1.6, y


class VariationalNet(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(10, 48), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(48, code), nn.Linear(48, code)
        self.head = nn.Linear(code, 5)

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        return self.head(z), mean, log_variance


def adapter(output):
    return output[0]


def loss_fn(output, y):
    logits, mean, log_variance = output
    divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()
    return F.cross_entropy(logits, y) + 1e-3 * divergence


def batches(x, y, size=40):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


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
    model.eval()
    return torch.cat([adapter(model(x)).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def main():
    torch.manual_seed(0)
    train, test = clusters(1000, 0), clusters(300, 1)
    model = VariationalNet()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, batches(*train)):.4f}")
    print(f"accuracy {evaluate(model, [test]):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": VariationalNet(),
        "factory": VariationalNet,
        "adapter": adapter,
        "loss_fn": loss_fn,
        "batches": batches(*clusters(1000, 0)),
        "validation": [clusters(300, 1)],
        "num_classes": 5,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
