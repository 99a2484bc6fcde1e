"""Clip classifier (1-D stand-in for a video network) re-implemented from a paper with dropout before the logits."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Unit(nn.Module):
    def __init__(self, cin, cout, k):
        super().__init__()
        self.conv = nn.Conv1d(cin, cout, k, padding=k // 2)
        self.bn = nn.BatchNorm1d(cout)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    def __init__(self, cin):
        super().__init__()
        self.b0, self.b1, self.b2 = Unit(cin, 12, 1), Unit(cin, 12, 3), Unit(cin, 12, 7)

    def forward(self, x):
        return torch.cat([self.b0(x), self.b1(x), self.b2(x)], dim=1)


class ClipNet(nn.Module):
    def __init__(self, num_classes=8, dropout_keep_prob=0.9):
        super().__init__()
        self.body = nn.Sequential(Unit(3, 16, 5), nn.MaxPool1d(2), Mixed(16), nn.MaxPool1d(2), Mixed(36))
        self.dropout = nn.Dropout(dropout_keep_prob)
        self.logits = nn.Linear(36, num_classes)

    def forward(self, x):
        return self.logits(self.dropout(self.body(x).mean(-1)))


def clips(n, g):
    y = torch.randint(0, 8, (n,), generator=g)
    t = torch.arange(32).float()
    base = torch.stack([(2 + 1.2 * (y % 4)) / 16, 0.15 + 0.12 * (y // 4), 0.1 + 0.05 * (y % 3)], dim=1)[:, :, None]
    sig = torch.sin(base * t * 1.5 + 6.28 * torch.rand(n, 3, 1, generator=g))
    x = sig + 0.8 * torch.randn(n, 3, 32, generator=g)
    return (x - x.mean()) / x.std(), y


def main():
    torch.manual_seed(100)
    g = torch.Generator().manual_seed(101)
    x, y = clips(2400, g)
    xv, yv = clips(600, g)
    net = ClipNet()
    opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
    for epoch in range(12):
        net.train()
        total, right = 0.0, 0
        for i in torch.randperm(len(x)).split(60):
            out = net(x[i])
            loss = F.cross_entropy(out, y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(i)
            right += (out.argmax(1) == y[i]).sum().item()
        sched.step()
        net.eval()
        with torch.no_grad():
            val = (net(xv).argmax(1) == yv).float().mean().item()
        print(f"epoch {epoch:2d} loss {total / len(x):.4f} train acc {right / len(x):.3f} val acc {val:.3f}")


if __name__ == "__main__":
    main()
