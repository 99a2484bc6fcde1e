"""Whale-call detector trained on an imbalanced set of spectrogram features with a weighted sampler."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler


class Calls(Dataset):
    def __init__(self, n, call_rate, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = (torch.rand(n, generator=g) < call_rate).long()
        self.y[:2] = torch.tensor([0, 1])
        noise = torch.randn(n, 32, generator=g)
        band = torch.zeros(32)
        band[10:18] = 0.9
        self.x = noise + self.y[:, None] * band

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def make_sampler(labels):
    counts = torch.bincount(labels)
    class_weights = 1.0 / counts.float()
    return WeightedRandomSampler(class_weights, num_samples=len(labels), replacement=True)


def evaluate(model, loader):
    model.eval()
    hit = torch.zeros(2)
    total = torch.zeros(2)
    with torch.no_grad():
        for x, y in loader:
            pred = model(x).argmax(1)
            for c in range(2):
                total[c] += (y == c).sum()
                hit[c] += ((y == c) & (pred == c)).sum()
    return (hit / total).tolist()


if __name__ == "__main__":
    torch.manual_seed(30)
    train_set, val_set = Calls(2000, 0.15, 1), Calls(600, 0.15, 2)
    train_loader = DataLoader(train_set, batch_size=64, sampler=make_sampler(train_set.y))
    val_loader = DataLoader(val_set, batch_size=200, shuffle=False)

    model = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        spec, sens = evaluate(model, val_loader)
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}  specificity {spec:.3f}  sensitivity {sens:.3f}")
