"""Imputes masked values of short time series; keeps the best weights by validation error and restores them."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def series(n, steps=20, seed=0):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 1, steps)
    f = 1 + 3 * torch.rand(n, 1, generator=g)
    ph = 6.28 * torch.rand(n, 1, generator=g)
    full = torch.sin(6.28 * f * t + ph) + 0.3 * torch.randn(n, steps, generator=g)
    seen = (torch.rand(n, steps, generator=g) > 0.25).float()
    return TensorDataset(full * seen, seen, full)


class Imputer(nn.Module):
    def __init__(self, steps=20, width=128):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 * steps, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                 nn.Linear(width, steps))

    def forward(self, x, seen):
        return self.net(torch.cat([x, seen], dim=1))


def masked_mse(pred, full, seen):
    hidden = 1 - seen
    return ((pred - full) ** 2 * hidden).sum() / hidden.sum()


class Trainer:
    def __init__(self, model, lr=2e-3, patience=6):
        self.model = model
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)
        self.patience = patience
        self.best_loss = float("inf")
        self.best_state = None

    def evaluate(self, loader):
        self.model.eval()
        with torch.no_grad():
            return sum(masked_mse(self.model(x, s), f, s).item() for x, s, f in loader) / len(loader)

    def fit(self, train_loader, val_loader, epochs=40):
        bad = 0
        for epoch in range(epochs):
            self.model.train()
            total = 0.0
            for x, s, f in train_loader:
                self.opt.zero_grad()
                loss = masked_mse(self.model(x, s), f, s)
                loss.backward()
                self.opt.step()
                total += loss.item()
            val = self.evaluate(val_loader)
            if val < self.best_loss:
                bad = 0
                self.best_loss = val
                self.best_state = self.model.state_dict()
            else:
                bad += 1
            if epoch % 4 == 0:
                print(f"epoch {epoch:3d} train {total / len(train_loader):.4f} val {val:.4f}")
            if bad >= self.patience:
                print(f"early stop at epoch {epoch}")
                break
        self.model.load_state_dict(self.best_state)


if __name__ == "__main__":
    torch.manual_seed(33)
    train_loader = DataLoader(series(1500, seed=1), batch_size=50, shuffle=True)
    val_loader = DataLoader(series(300, seed=2), batch_size=100)
    trainer = Trainer(Imputer())
    trainer.fit(train_loader, val_loader)
    print(f"best val {trainer.best_loss:.4f}; restored model val {trainer.evaluate(val_loader):.4f}")
