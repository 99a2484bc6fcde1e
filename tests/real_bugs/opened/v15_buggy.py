"""Polyphonic sound event detection: frame-wise multi-label output of a convolutional recurrent network."""
import torch
from torch import nn, optim

EVENTS, BANDS, FRAMES = 5, 20, 24


class CRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(BANDS, 32, 3, padding=1), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1),
                                  nn.Conv1d(32, 32, 3, padding=1), nn.BatchNorm1d(32), nn.ReLU())
        self.rnn = nn.GRU(32, 24, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(48, EVENTS)

    def forward(self, x):
        h, _ = self.rnn(self.conv(x.transpose(1, 2)).transpose(1, 2))
        return self.classifier(h)


def scenes(n, gen):
    """Events last some frames, may overlap, and each raises its own bands."""
    profile = torch.rand(EVENTS, BANDS, generator=torch.Generator().manual_seed(150)) ** 3
    active = torch.zeros(n, FRAMES, EVENTS)
    t = torch.arange(FRAMES)
    for e in range(EVENTS):
        present = torch.rand(n, 1, generator=gen) < 0.6
        start = torch.randint(0, FRAMES - 6, (n, 1), generator=gen)
        length = torch.randint(5, 14, (n, 1), generator=gen)
        active[:, :, e] = (present & (t >= start) & (t < start + length)).float()
    loud = 0.6 + 0.8 * torch.rand(n, 1, EVENTS, generator=gen)
    x = (active * loud) @ profile + 0.55 * torch.randn(n, FRAMES, BANDS, generator=gen)
    return x, active


def f1_per_frame(y_pred, y_true):
    y_pred = (y_pred > 0.5).float()
    tp = (y_pred * y_true).sum().item()
    return 2 * tp / max(1.0, y_pred.sum().item() + y_true.sum().item())


def error_rate(y_pred, y_true):
    y_pred = (y_pred > 0.5).float()
    return (y_pred - y_true).abs().sum().item() / y_true.sum().item()


torch.manual_seed(151)
gen = torch.Generator().manual_seed(152)
x, y = scenes(900, gen)
xv, yv = scenes(250, gen)
mean, std = x.mean((0, 1)), x.std((0, 1))
x, xv = (x - mean) / std, (xv - mean) / std

model = CRNN()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
loss_func = nn.BCEWithLogitsLoss()
for epoch in range(8):
    model.train()
    epoch_loss = []
    for batch in torch.randperm(len(x)).split(30):
        optimizer.zero_grad()
        loss = loss_func(model(x[batch]), y[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        epoch_loss.append(loss.item())
    model.eval()
    with torch.no_grad():
        out = model(xv)
    print(f"epoch {epoch} loss {sum(epoch_loss) / len(epoch_loss):.4f} val loss {loss_func(out, yv).item():.4f} "
          f"val F1 {f1_per_frame(out, yv):.3f} val ER {error_rate(out, yv):.3f}")
