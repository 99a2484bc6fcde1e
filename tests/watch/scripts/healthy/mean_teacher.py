"""Semi-supervised: a student learns from labels and from the average of its own weights."""
import copy

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = torch.randn(4, 10)
y = torch.randint(4, (800,))
x = centres[y] + 0.8 * torch.randn(800, 10)
student = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 4))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for step in range(200):
    student.train()
    labelled, free = torch.randint(100, (32,)), torch.randint(100, 700, (32,))
    with torch.no_grad():
        soft = teacher(x[free] + 0.1 * torch.randn(32, 10)).softmax(1)
    loss = F.cross_entropy(student(x[labelled]), y[labelled])
    loss = loss + 0.5 * F.mse_loss(student(x[free] + 0.1 * torch.randn(32, 10)).softmax(1), soft)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for a, b in zip(teacher.parameters(), student.parameters()):
            a.mul_(0.98).add_(b, alpha=0.02)
        for a, b in zip(teacher.buffers(), student.buffers()):
            a.copy_(b)
    if step % 50 == 49:
        teacher.eval()
        with torch.no_grad():
            print(f"step {step} loss {loss.item():.3f} accuracy {(teacher(x[700:]).argmax(1) == y[700:]).float().mean():.3f}")
        teacher.train()
