"""Predicts customer churn from account features and reports precision and recall."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

LEARNING_RATE = 0.5
EPOCHS = 12
BATCH_SIZE = 64


class ChurnNet(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layer_1 = nn.Linear(n_features, 64)
        self.layer_2 = nn.Linear(64, 64)
        self.layer_3 = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.layer_1(x))
        x = self.relu(self.layer_2(x))
        x = self.relu(self.layer_3(x))
        return self.out(x).squeeze(1)


def accounts(n):
    x = torch.randn(n, 14)
    score = 1.2 * x[:, 0] - x[:, 1] + 0.8 * x[:, 2] * x[:, 3] + 0.6 * x[:, 4].abs() - 0.9
    y = (score + 0.5 * torch.randn(n) > 0).float()
    return TensorDataset(x, y)


def precision_recall(model, loader):
    tp = fp = fn = 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            pred = model(x) > 0
            tp += (pred & (y == 1)).sum().item()
            fp += (pred & (y == 0)).sum().item()
            fn += (~pred & (y == 1)).sum().item()
    return tp / max(tp + fp, 1), tp / max(tp + fn, 1)


torch.manual_seed(17)
train_set, val_set = random_split(accounts(2600), [2000, 600])
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)

model = ChurnNet(14)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

for e in range(1, EPOCHS + 1):
    model.train()
    epoch_loss = 0.0
    for X, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    p, r = precision_recall(model, val_loader)
    print(f"Epoch {e:03}: | Loss: {epoch_loss / len(train_loader):.5f} | precision {p:.3f} | recall {r:.3f}")
