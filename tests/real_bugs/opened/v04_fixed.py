"""Collaborative training: five participants train locally, a server averages their weights each round."""
import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def make_data(n, gen):
    centres = torch.randn(6, 20, generator=torch.Generator().manual_seed(40)) * 0.8
    y = torch.randint(0, 6, (n,), generator=gen)
    x = centres[y] + torch.randn(n, 20, generator=gen)
    return x, y


def new_model():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))


def train_model(model, loader, loss_fn, optimizer, E=1):
    model.train()
    seen, total = 0, 0.0
    for _ in range(E):
        for data, label in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(data), label)
            loss.backward()
            seen += len(label)
            total += loss.item() * len(label)
            optimizer.step()
    return total / seen


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    return (model(x).argmax(1) == y).float().mean().item()


@torch.no_grad()
def average(models):
    states = [m.state_dict() for m in models]
    return {k: torch.stack([s[k] for s in states]).mean(0) for k in states[0]}


torch.manual_seed(4)
gen = torch.Generator().manual_seed(4)
x, y = make_data(3000, gen)
x_test, y_test = make_data(1000, gen)
shares = random_split(TensorDataset(x, y), [600] * 5, generator=gen)
loaders = [DataLoader(s, batch_size=40, shuffle=True) for s in shares]

server = new_model()
participants = [copy.deepcopy(server) for _ in loaders]
optimizers = [torch.optim.SGD(p.parameters(), lr=0.05) for p in participants]
criterion = nn.CrossEntropyLoss()

for communication in range(14):
    losses = []
    for model, loader, optimizer in zip(participants, loaders, optimizers):
        model.load_state_dict(server.state_dict())
        losses.append(train_model(model, loader, criterion, optimizer))
    server.load_state_dict(average(participants))
    print(f"round {communication:2d} loss {sum(losses) / len(losses):.4f} "
          f"server test accuracy {evaluate(server, x_test, y_test):.3f}")
