"""Multi-label topic tagging of short documents from term counts."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class TopicTagger(nn.Module):
    def __init__(self, n_terms, n_topics, hidden=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_terms, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_topics),
        )

    def forward(self, x):
        return self.net(x)


def documents(n, seed, n_terms=60, n_topics=6):
    rng = np.random.default_rng(seed)
    lift = 1 + 3.0 * (np.random.default_rng(330).random((n_topics, n_terms)) < 0.15)
    tags = rng.random((n, n_topics)) < 0.25
    rate = 0.5 * np.exp(tags @ np.log(lift))
    counts = rng.poisson(rate)
    return TensorDataset(torch.from_numpy(np.log1p(counts)).float(), torch.from_numpy(tags).float())


def f1(pred, true):
    tp = (pred & true).sum().item()
    return 2 * tp / max(1, pred.sum().item() + true.sum().item())


def main():
    torch.manual_seed(331)
    train_loader = DataLoader(documents(3000, 1), batch_size=64, shuffle=True)
    val_loader = DataLoader(documents(600, 2), batch_size=300)
    model = TopicTagger(60, 6)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        preds, trues = [], []
        with torch.no_grad():
            for x, y in val_loader:
                preds.append(torch.sigmoid(model(x)) > 0.5)
                trues.append(y.bool())
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} val F1 {f1(torch.cat(preds), torch.cat(trues)):.3f}")


if __name__ == "__main__":
    main()
