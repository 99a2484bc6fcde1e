"""Classifies short multichannel sensor recordings into four gestures with an LSTM."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class GestureLSTM(nn.Module):
    def __init__(self, channels, hidden, classes):
        super().__init__()
        self.lstm = nn.LSTM(channels, hidden, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        out = self.fc(self.drop(h[-1]))
        return out


def make_recordings(n, steps=24, channels=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    t = torch.linspace(0, 6.28, steps)
    freq = torch.tensor([1.0, 1.5, 2.0, 2.5])[y]
    phase = torch.rand(n, 1, channels, generator=g) * 0.8
    x = torch.sin(freq[:, None, None] * t[None, :, None] + phase)
    x = x + 1.5 * torch.randn(n, steps, channels, generator=g)
    return x, y


torch.manual_seed(7)
x, y = make_recordings(1600)
train_set, test_set = random_split(TensorDataset(x, y), [1280, 320], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=64)

model = GestureLSTM(6, 48, 4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(8):
    model.train()
    running, correct, seen = 0.0, 0, 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(yb)
        correct += (out.argmax(1) == yb).sum().item()
        seen += len(yb)

    model.eval()
    hits = 0
    with torch.no_grad():
        for xb, yb in test_loader:
            hits += (model(xb).argmax(1) == yb).sum().item()
    print(f"epoch {epoch + 1}: loss {running / seen:.4f} train acc {correct / seen:.3f} test acc {hits / len(test_set):.3f}")
