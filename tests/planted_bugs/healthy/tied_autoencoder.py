"""Autoencoder for digits whose decoder uses the encoder's weights, transposed."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

TRAP = "tied weights: one parameter used twice"


class TiedAutoEncoder(nn.Module):
    def __init__(self, code=24):
        super().__init__()
        self.weight1 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(96, 64)))
        self.weight2 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(code, 96)))
        self.bias1, self.bias2 = nn.Parameter(torch.zeros(96)), nn.Parameter(torch.zeros(code))
        self.bias3, self.bias4 = nn.Parameter(torch.zeros(96)), nn.Parameter(torch.zeros(64))

    def forward(self, x):
        code = F.linear(torch.tanh(F.linear(x, self.weight1, self.bias1)), self.weight2, self.bias2)
        return F.linear(torch.tanh(F.linear(code, self.weight2.t(), self.bias3)), self.weight1.t(), self.bias4)


def load():
    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(bunch.data, dtype=torch.float32)[order] - 4.884) / 6.017
    return x[:1437], x[1437:]


def pairs(x, size=32):
    return [(x[i], x[i]) for i in torch.randperm(len(x)).split(size)]


loss_fn = nn.MSELoss()


def train_step(model, optimizer, x, target):
    optimizer.zero_grad()
    loss = loss_fn(model(x), target)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = load()
    model = TiedAutoEncoder()
    optimizer = make_optimizer(model)
    for epoch in range(12):
        losses = [train_step(model, optimizer, x, t).item() for x, t in pairs(train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    with torch.no_grad():
        print(f"r2 {1 - loss_fn(model(test), test).item() / test.var().item():.3f}")


def build():
    torch.manual_seed(0)
    train, test = load()
    return {
        "model": TiedAutoEncoder(),
        "factory": TiedAutoEncoder,
        "loss_fn": loss_fn,
        "batches": pairs(train),
        "validation": pairs(test),
        "optimizer": make_optimizer,
        "train_step": train_step,
    }


if __name__ == "__main__":
    main()
