"""Character recogniser trained with checkpointing of the best epoch; the best checkpoint is tested at the end."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def strips(n, seed, chars=6):
    """A glyph, drawn as a short strip of columns, with jitter and noise."""
    g = torch.Generator().manual_seed(seed)
    glyph = torch.randn(chars, 10, 8, generator=torch.Generator().manual_seed(240))
    y = torch.randint(0, chars, (n,), generator=g)
    x = torch.zeros(n, 10, 14)
    offset = torch.randint(0, 7, (n,), generator=g)
    for k in range(n):
        x[k, :, offset[k]:offset[k] + 8] = glyph[y[k]]
    x = x + 2.0 * torch.randn(n, 10, 14, generator=g)
    return x / 5 ** 0.5, y


class Recogniser(nn.Module):
    def __init__(self, chars=6):
        super().__init__()
        self.conv = nn.Conv1d(10, 24, 5, padding=2)
        self.rnn = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(64, chars)

    def forward(self, x):
        h = F.relu(self.conv(x)).transpose(1, 2)
        h, _ = self.rnn(h)
        return self.fc(self.drop(h.max(1).values))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss, right, n = 0.0, 0, 0
    for x, y in loader:
        out = model(x)
        loss += F.cross_entropy(out, y, reduction="sum").item()
        right += (out.argmax(1) == y).sum().item()
        n += len(y)
    return loss / n, right / n


def fit_one_epoch(model, loader, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        total += loss.item()
    return total / len(loader)


torch.manual_seed(241)
train_loader = DataLoader(TensorDataset(*strips(1600, 1)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*strips(300, 2)), batch_size=100)
test_loader = DataLoader(TensorDataset(*strips(1500, 3)), batch_size=250)
model = Recogniser()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)

min_loss, best, best_epoch = float("inf"), None, None
for epoch in range(14):
    train_loss = fit_one_epoch(model, train_loader, optimizer)
    val_loss, val_acc = evaluate(model, val_loader)
    print(f"epoch {epoch:2d} train {train_loss:.4f} val {val_loss:.4f} acc {val_acc:.3f}")
    if val_loss < min_loss:
        print(f"  validation loss decreased {min_loss:.4f} -> {val_loss:.4f}, saving")
        best, best_epoch = copy.deepcopy(model.state_dict()), epoch
        min_loss = val_loss
model.load_state_dict(best)
test_loss, test_acc = evaluate(model, test_loader)
print(f"best epoch {best_epoch}: test loss {test_loss:.4f} acc {test_acc:.3f}")
