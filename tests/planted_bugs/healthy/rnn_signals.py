"""A tanh RNN with orthogonal recurrent weights tells the period of noisy waves (3 classes)."""

import torch
from torch import nn

TRAP = "recurrent weights with a spectral radius of 1, gradients through 24 steps"


def waves(n, seed, steps=24):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=g)
    period = torch.tensor([4.0, 7.0, 12.0])[y]
    phase = 6.2832 * torch.rand(n, generator=g)
    t = torch.arange(float(steps))
    x = 1.4 * torch.sin(6.2832 * t[None] / period[:, None] + phase[:, None]) + 0.3 * torch.randn(n, steps, generator=g)
    return x.unsqueeze(2), y


class WaveRNN(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)
        self.head = nn.Linear(hidden, 3)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.head(states.mean(1))


def batches(x, y, size=32):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(size)]


loss_fn = nn.CrossEntropyLoss()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def main():
    torch.manual_seed(0)
    train, test = waves(800, 0), waves(200, 1)
    model = WaveRNN()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        losses = [train_step(model, optimizer, x, y).item() for x, y in batches(*train)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {evaluate(model, batches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": WaveRNN(),
        "factory": WaveRNN,
        "loss_fn": loss_fn,
        "batches": batches(*waves(800, 0)),
        "validation": batches(*waves(200, 1)),
        "num_classes": 3,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
