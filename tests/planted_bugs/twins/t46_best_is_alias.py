"""Small noisy data set with early stopping: the weights of the best epoch are restored at the end."""

import copy

import torch
from torch import nn


def draw(n, seed, noise):
    """20 columns, 5 clusters; a share of the labels is wrong."""
    g = torch.Generator().manual_seed(seed)
    centres = 0.75 * torch.randn(5, 20, generator=torch.Generator().manual_seed(50))
    y = torch.randint(5, (n,), generator=g)
    x = centres[y] + torch.randn(n, 20, generator=g)
    wrong = torch.rand(n, generator=g) < noise
    return x / 1.25, torch.where(wrong, torch.randint(5, (n,), generator=g), y)


def make_model():
    return nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 5))


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, batches):
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.no_grad()
def validate(model, x, y):
    output = model(x)
    return loss_fn(output, y).item(), (output.argmax(1) == y).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def batches(x, y):
    return [(x[i], y[i]) for i in torch.randperm(len(y)).split(32)]


def fit(model, train, val, epochs=25):
    optimizer = make_optimizer(model)
    best_loss, best_state = float("inf"), None
    for epoch in range(epochs):
        loss = train_epoch(model, optimizer, batches(*train))
        val_loss, _ = validate(model, *val)
        if val_loss < best_loss:
            best_loss = val_loss
            best_state = copy.deepcopy(model.state_dict())
        print(f"epoch {epoch} loss {loss:.4f} val {val_loss:.4f}")
    model.load_state_dict(best_state)


def main():
    torch.manual_seed(0)
    train, val, test = draw(320, 0, 0.1), draw(200, 1, 0.1), draw(1000, 2, 0.0)
    model = make_model()
    fit(model, train, val)
    loss, accuracy = validate(model, *test)
    print(f"test loss {loss:.3f}")
    print(f"accuracy {accuracy:.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": batches(*draw(320, 0, 0.1)),
        "validation": [draw(200, 1, 0.1)],
        "num_classes": 5,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
    }


if __name__ == "__main__":
    main()
