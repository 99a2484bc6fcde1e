"""Regression / classification on averaged word vectors with an MLP head (toy corpus)."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument('--hidden_dim', type=int, default=128)
    p.add_argument('--hidden_layers', type=int, default=3)
    p.add_argument('--dropout', type=float, default=0.1)
    p.add_argument('--lr', type=float, default=1e-3)
    p.add_argument('--batch_size', type=int, default=100)
    p.add_argument('--num_epochs', type=int, default=25)
    return p.parse_args([])


class MLP(nn.Module):
    def __init__(self, input_dim, hidden_dim, hidden_layers, num_classes, dropout):
        super(MLP, self).__init__()
        modules = []
        for i in range(hidden_layers):
            modules.append(nn.Linear(input_dim if i == 0 else hidden_dim, hidden_dim))
            modules.append(nn.Dropout(dropout))
        self.encoder = nn.Sequential(*modules)
        self.classifier = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):
        return self.classifier(self.encoder(x))


def toxic_comments(n, rng):
    """Label depends on the combination of tone and target, as in irony or reclaimed words."""
    words = np.random.RandomState(3).randn(60, 25)
    tone, target = words[:3], words[3:6]
    a, b = rng.integers(0, 3, n), rng.integers(0, 3, n)
    label = (a + b) % 3
    filler = words[rng.integers(6, 60, (n, 5))].mean(1)
    x = tone[a] + target[b] + 0.8 * filler + 0.3 * rng.standard_normal((n, 25))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(label)


def run_epoch(model, x, y, args, optimizer):
    model.train()
    stats = []
    for idx in torch.randperm(len(x)).split(args.batch_size):
        logit = model(x[idx])
        loss = F.cross_entropy(logit, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        stats.append((loss.item(), (logit.argmax(1) == y[idx]).float().mean().item()))
    return np.mean(stats, axis=0)


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logit = model(x)
    return F.cross_entropy(logit, y).item(), (logit.argmax(1) == y).float().mean().item()


if __name__ == '__main__':
    args = get_args()
    torch.manual_seed(15)
    rng = np.random.default_rng(15)
    x_train, y_train = toxic_comments(4000, rng)
    x_val, y_val = toxic_comments(1000, rng)
    model = MLP(25, args.hidden_dim, args.hidden_layers, 3, args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for ep in range(args.num_epochs):
        tr_loss, tr_acc = run_epoch(model, x_train, y_train, args, optimizer)
        if ep % 4 == 0:
            va_loss, va_acc = evaluate(model, x_val, y_val)
            print(f'epoch {ep:2d} train loss {tr_loss:.4f} acc {tr_acc:.4f} val loss {va_loss:.4f} acc {va_acc:.4f}')
