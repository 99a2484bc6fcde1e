"""Image-to-label network made of convolution blocks with batch normalization."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, width=16, depth=4, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        norm = nn.BatchNorm2d(width)
        self.norms = nn.ModuleList(norm for _ in range(depth))
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = self.stem(x)
        for conv, norm in zip(self.convs, self.norms):
            x = x + F.relu(norm(conv(x)))
        return self.fc(x.mean(dim=(2, 3)))


def waves(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    angle = y.float() * 0.628
    yy, xx = torch.meshgrid(torch.arange(14.0), torch.arange(14.0), indexing="ij")
    proj = angle.cos()[:, None, None] * xx + angle.sin()[:, None, None] * yy
    phase = 6.283 * torch.rand(n, 1, 1, generator=g)
    img = torch.sin(1.1 * proj + phase) + 0.8 * torch.randn(n, 14, 14, generator=g)
    return TensorDataset(img.unsqueeze(1), y)


def evaluate(model, loader):
    model.eval()
    loss, hits = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += F.cross_entropy(out, y, reduction="sum").item()
            hits += (out.argmax(1) == y).sum().item()
    n = len(loader.dataset)
    return loss / n, hits / n


def main():
    torch.manual_seed(26)
    train_loader = DataLoader(waves(1280, 1), batch_size=64, shuffle=True)
    test_loader = DataLoader(waves(320, 2), batch_size=160)
    model = Net()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, 7):
        model.train()
        run = 0.0
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item()
        vl, va = evaluate(model, test_loader)
        print(f"epoch {epoch} train loss {run / len(train_loader):.4f} test loss {vl:.4f} test acc {va:.3f}")


if __name__ == "__main__":
    main()
