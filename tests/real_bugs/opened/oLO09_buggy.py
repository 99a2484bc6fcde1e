"""A small network learns from a large one: soft labels at a high temperature, beside the true labels."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

CLASSES, TEMPERATURE, ALPHA = 20, 4.0, 0.9


def samples(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (n, ), generator=g)
    centres = torch.randn(CLASSES, 24, generator=torch.Generator().manual_seed(4))
    return TensorDataset(centres[y] + 0.9 * torch.randn(n, 24, generator=g), y)


def loss_fn_kd(outputs, labels, teacher_outputs):
    kd = nn.KLDivLoss()(F.log_softmax(outputs / TEMPERATURE, dim=1), F.softmax(teacher_outputs / TEMPERATURE, dim=1))
    return kd * ALPHA * TEMPERATURE * TEMPERATURE + F.cross_entropy(outputs, labels) * (1 - ALPHA)


def evaluate(model, data):
    model.eval()
    with torch.no_grad():
        x, y = data.tensors
        return (model(x).argmax(1) == y).float().mean().item()


def main():
    torch.manual_seed(0)
    train, test = samples(1500, 0), samples(500, 1)
    teacher = nn.Sequential(nn.Linear(24, 128), nn.ReLU(), nn.Linear(128, CLASSES))
    optimizer = torch.optim.Adam(teacher.parameters(), lr=3e-3)
    for _ in range(4):
        for x, y in DataLoader(train, 64, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(teacher(x), y).backward()
            optimizer.step()
    print(f"teacher {evaluate(teacher, test):.4f}")
    student = nn.Sequential(nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, CLASSES))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(4):
        student.train()
        for x, y in DataLoader(train, 64, shuffle=True):
            with torch.no_grad():
                soft = teacher(x)
            loss = loss_fn_kd(student(x), y, soft)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f} student {evaluate(student, test):.4f}")


if __name__ == "__main__":
    main()
