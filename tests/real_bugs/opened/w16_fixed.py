"""Phone classification from noisy filterbank clips with a convolution bank."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class BatchNormConv1d(nn.Module):
    """Conv1d, activation, then batch norm with the settings of the reference implementation."""

    def __init__(self, in_dim, out_dim, kernel_size, padding, activation=None):
        super().__init__()
        self.conv1d = nn.Conv1d(in_dim, out_dim, kernel_size, padding=padding, bias=False)
        self.bn = nn.BatchNorm1d(out_dim, momentum=0.01, eps=1e-3)
        self.activation = activation

    def forward(self, x):
        x = self.conv1d(x)
        if self.activation is not None:
            x = self.activation(x)
        return self.bn(x)


class CBHG(nn.Module):
    def __init__(self, in_dim, K=3, dim=24, classes=6):
        super().__init__()
        relu = nn.ReLU()
        self.bank = nn.ModuleList([BatchNormConv1d(in_dim, dim, k, padding=k // 2, activation=relu)
                                   for k in range(1, K + 1)])
        self.proj1 = BatchNormConv1d(K * dim, dim, 3, padding=1, activation=relu)
        self.proj2 = BatchNormConv1d(dim, in_dim, 3, padding=1)
        self.gru = nn.GRU(in_dim, dim, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * dim, classes)

    def forward(self, x):
        t = x.size(2)
        y = torch.cat([conv(x)[:, :, :t] for conv in self.bank], dim=1)
        y = self.proj2(self.proj1(y)) + x
        h, _ = self.gru(y.transpose(1, 2))
        return self.out(h.mean(1))


def clips(n, g):
    shapes = torch.randn(6, 16, 20, generator=torch.Generator().manual_seed(1))
    y = torch.randint(0, 6, (n,), generator=g)
    gain = torch.exp(0.5 * torch.randn(n, 1, 1, generator=g))
    x = gain * (shapes[y] + 1.8 * torch.randn(n, 16, 20, generator=g))
    return TensorDataset(x, y)


def evaluate(model, loader):
    model.eval()
    loss = hit = n = 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += nn.functional.cross_entropy(out, y, reduction="sum").item()
            hit += (out.argmax(1) == y).sum().item()
            n += len(y)
    return loss / n, hit / n


if __name__ == "__main__":
    torch.manual_seed(4)
    g = torch.Generator().manual_seed(5)
    train_loader = DataLoader(clips(560, g), batch_size=4, shuffle=True)
    test_loader = DataLoader(clips(400, g), batch_size=100)
    model = CBHG(16)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)
    for epoch in range(5):
        model.train()
        total = 0.0
        for x, y in train_loader:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            total += loss.item()
        sched.step()
        test_loss, test_acc = evaluate(model, test_loader)
        print(f"epoch {epoch} train loss {total / len(train_loader):.3f} test loss {test_loss:.3f} test acc {test_acc:.3f}")
