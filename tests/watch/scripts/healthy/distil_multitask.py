"""Distillation with KL, a second head with its own loss, two backward passes per step, bf16 autocast without a scaler."""
import torch
from torch import nn
from torch.nn import functional as F


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Dropout(0.1))
        self.classes, self.size = nn.Linear(48, 4), nn.Linear(48, 1)

    def forward(self, x):
        h = self.body(x)
        return self.classes(h), self.size(h).squeeze(-1)


torch.manual_seed(0)
centres = torch.randn(4, 10)
y = torch.randint(4, (600,))
x = centres[y] + 0.5 * torch.randn(600, 10)
size = x.norm(dim=1) - 3
teacher = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(teacher.parameters(), lr=5e-3)
for _ in range(100):
    i = torch.randint(500, (50,))
    loss = F.cross_entropy(teacher(x[i]), y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
teacher.eval().requires_grad_(False)
student = Student()
optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
for epoch in range(6):
    student.train()
    for i in torch.randperm(500).split(50):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, guess = student(x[i])
            soft = F.kl_div(F.log_softmax(logits.float() / 2, 1), F.softmax(teacher(x[i]).float() / 2, 1), reduction="batchmean")
        (4 * soft + 0.5 * F.cross_entropy(logits.float(), y[i])).backward(retain_graph=True)
        F.mse_loss(guess.float(), size[i]).backward()
        optimizer.step()
    student.eval()
    with torch.inference_mode():
        print(f"epoch {epoch} loss {soft.item():.3f} accuracy {(student(x[500:])[0].argmax(1) == y[500:]).float().mean().item():.3f}")
