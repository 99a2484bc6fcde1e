"""Trains a wide teacher, then distils it into a small student with soft targets."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def mlp(width, p):
    return nn.Sequential(
        nn.Linear(16, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(p),
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(p),
        nn.Linear(width, 6),
    )


def data(n, gen):
    x = torch.randn(n, 16, generator=gen)
    w = torch.randn(16, 6, generator=torch.Generator().manual_seed(60))
    logits = (x * x.roll(1, 1)) @ w * 0.5 + x @ w.flip(1)
    return x, (logits + 0.7 * torch.randn(n, 6, generator=gen)).argmax(1)


def batches(n, size):
    return [b for b in torch.randperm(n).split(size) if len(b) == size]


@torch.no_grad()
def accuracy(net, x, y):
    net.eval()
    return (net(x).argmax(1) == y).float().mean().item()


def train_teacher(net, x, y, epochs, batch):
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    net.train()
    for epoch in range(epochs):
        for i in batches(len(x), batch):
            loss = F.cross_entropy(net(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"teacher epoch {epoch} loss {loss.item():.4f}")


def distil(student, teacher, x, y, xv, yv, args):
    opt = torch.optim.Adam(student.parameters(), lr=2e-3)
    T, alpha = args.temperature, args.alpha
    for p in teacher.parameters():
        p.requires_grad_(False)
    teacher.eval()
    for epoch in range(args.epochs):
        student.train()
        for i in batches(len(x), args.batch):
            with torch.no_grad():
                soft = F.softmax(teacher(x[i]) / T, dim=1)
            out = student(x[i])
            kd = F.kl_div(F.log_softmax(out / T, dim=1), soft, reduction="batchmean") * T * T
            loss = alpha * kd + (1 - alpha) * F.cross_entropy(out, y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"student epoch {epoch} loss {loss.item():.4f} val acc {accuracy(student, xv, yv):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=8)
    ap.add_argument("--batch", type=int, default=100)
    ap.add_argument("--temperature", type=float, default=3.0)
    ap.add_argument("--alpha", type=float, default=0.7)
    args = ap.parse_args()
    torch.manual_seed(61)
    gen = torch.Generator().manual_seed(61)
    x, y = data(3000, gen)
    xv, yv = data(800, gen)
    teacher, student = mlp(128, 0.4), mlp(32, 0.0)
    train_teacher(teacher, x, y, 10, args.batch)
    distil(student, teacher, x, y, xv, yv, args)
