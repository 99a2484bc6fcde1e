"""Digits with soft targets: a hand-written cross-entropy on one-hot rows."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

BUG = 8
LINE = "return -(targets * log_p).mean()"
CAUSE = "the cross-entropy is averaged over the class axis instead of summed"
CHECKS = ("loss_at_init", "loss_reduction")
VISIBLE = True


def one_hot(labels, classes=10):
    rows = np.zeros((len(labels), classes), dtype=np.float32)
    rows[np.arange(len(labels)), labels] = 1
    return torch.from_numpy(rows)


def cross_entropy(logits, targets):
    log_p = torch.log_softmax(logits, dim=1)
    return -(targets * log_p).mean()


def load():
    digits = load_digits()
    order = np.random.default_rng(3).permutation(len(digits.target))
    x = ((digits.data[order] - 4.88) / 6.02).astype(np.float32)
    return torch.from_numpy(x), one_hot(digits.target[order])


def build_network():
    return nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 10))


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def loop(model, optimizer, batches):
    losses = []
    for x, t in batches:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def cut(x, t, size=32):
    order = torch.randperm(len(x))
    return [(x[i], t[i]) for i in order.split(size)]


def accuracy(model, batches):
    with torch.no_grad():
        return float(np.mean(np.concatenate([(model(x).argmax(1) == t.argmax(1)).numpy() for x, t in batches])))


def main():
    torch.manual_seed(0)
    x, t = load()
    model = build_network()
    optimizer = make_optimizer(model)
    for epoch in range(10):
        print(f"epoch {epoch}, loss {loop(model, optimizer, cut(x[:1400], t[:1400])):.4f}")
    print(f"accuracy {accuracy(model, [(x[1400:], t[1400:])]):.3f}")


def build():
    torch.manual_seed(0)
    x, t = load()
    return {
        "model": build_network(),
        "factory": build_network,
        "loss_fn": cross_entropy,
        "batches": cut(x[:1400], t[:1400]),
        "validation": [(x[1400:], t[1400:])],
        "num_classes": 10,
        "optimizer": make_optimizer,
        "train_epoch": loop,
        "evaluate": accuracy,
    }


if __name__ == "__main__":
    main()
