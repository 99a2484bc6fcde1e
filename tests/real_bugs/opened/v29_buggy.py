"""Distillation: the big network's outputs on the training set are used as soft targets for a small one."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def dataset(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(12, 7, generator=torch.Generator().manual_seed(290))
    x = torch.randn(n, 12, generator=g)
    return x, ((x + 0.6 * x.roll(1, 1) * x.roll(2, 1)) @ w + torch.randn(n, 7, generator=g)).argmax(1)


def network(width):
    return nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 7))


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (model(x).argmax(1) == y).float().mean().item()


def train_big(model, loader, epochs):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()


def fetch_teacher_outputs(teacher, loader):
    teacher.eval()
    with torch.no_grad():
        return [teacher(x) for x, _ in loader]


def loss_fn_kd(outputs, labels, teacher_outputs, T=3.0, alpha=0.8):
    soft = F.kl_div(F.log_softmax(outputs / T, dim=1), F.softmax(teacher_outputs / T, dim=1), reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(outputs, labels)


def train_kd(model, teacher, loader, xv, yv, epochs):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    teacher.eval()
    teacher_outputs = fetch_teacher_outputs(teacher, loader)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for i, (x, y) in enumerate(loader):
            output_teacher = teacher_outputs[i]
            loss = loss_fn_kd(model(x), y, output_teacher)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"kd epoch {epoch} loss {total / len(loader):.4f} val acc {accuracy(model, xv, yv):.3f}")


if __name__ == "__main__":
    torch.manual_seed(291)
    loader = DataLoader(TensorDataset(*dataset(4000, 1)), batch_size=80, shuffle=True)
    xv, yv = dataset(1000, 2)
    teacher = network(128)
    train_big(teacher, loader, 6)
    print(f"teacher val acc {accuracy(teacher, xv, yv):.3f}")
    train_kd(network(24), teacher, loader, xv, yv, 9)
