"""Five-fold cross-validation of a small gene-expression classifier."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

FOLDS, EPOCHS, BATCH = 5, 8, 20


def expression_data(n=600, genes=60):
    rng = np.random.default_rng(31)
    x = rng.normal(size=(n, genes)).astype(np.float32)
    w = np.zeros(genes)
    w[:6] = rng.normal(size=6)
    y = ((x @ w + 1.2 * rng.normal(size=n)) > 0).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y)


def make_model(genes):
    return nn.Sequential(nn.Linear(genes, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)


def accuracy(model, loader):
    model.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in loader:
            good += ((model(x).squeeze(1) > 0).float() == y).sum().item()
            n += len(y)
    return good / n


torch.manual_seed(8)
x, y = expression_data()
data = TensorDataset(x, y)
order = torch.randperm(len(data))
parts = order.chunk(FOLDS)
criterion = nn.BCEWithLogitsLoss()
scores = []

for k in range(FOLDS):
    val_idx = parts[k].tolist()
    train_idx = torch.cat([p for j, p in enumerate(parts) if j != k]).tolist()
    train_loader = DataLoader(Subset(data, train_idx), batch_size=BATCH, shuffle=True)
    val_loader = DataLoader(Subset(data, val_idx), batch_size=len(val_idx))
    model = make_model(x.shape[1])
    optimizer = make_optimizer(model)
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(xb).squeeze(1), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
    scores.append(accuracy(model, val_loader))
    print(f"fold {k}: last train loss {total / len(train_loader):.4f} val accuracy {scores[-1]:.3f}")

print(f"mean accuracy over folds {np.mean(scores):.3f} +- {np.std(scores):.3f}")
