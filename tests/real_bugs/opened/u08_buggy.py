"""Audio-tag classifier with dropout and batch norm that is validated every few iterations."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Tagger(nn.Module):
    def __init__(self, n_in=40, n_out=6):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(0.4),
            nn.Linear(96, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(0.4),
            nn.Linear(96, n_out),
        )

    def forward(self, x):
        return self.net(x)


def clips(n, gen):
    centres = 0.55 * torch.randn(6, 40, generator=torch.Generator().manual_seed(77))
    y = torch.randint(0, 6, (n,), generator=gen)
    x = centres[y] + torch.randn(n, 40, generator=gen)
    return TensorDataset(x, y)


def validate(model, loader, criterion):
    model.eval()
    loss = correct = count = 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += criterion(out, y).item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
            count += len(y)
    return loss / count, correct / count


def train(model, train_loader, val_loader, criterion, optimizer, epochs=6, val_step=5):
    iters = 0
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            iters += 1
            if iters % val_step == 0:
                val_loss, val_acc = validate(model, val_loader, criterion)
        print(f"epoch {epoch + 1} iter {iters} loss {loss.item():.4f} val loss {val_loss:.4f} val acc {val_acc:.3f}")


if __name__ == "__main__":
    torch.manual_seed(2)
    gen = torch.Generator().manual_seed(2)
    train_loader = DataLoader(clips(2048, gen), batch_size=64, shuffle=True, drop_last=True)
    val_loader = DataLoader(clips(600, gen), batch_size=200)
    model = Tagger()
    train(model, train_loader, val_loader, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3))
