"""Calls of a rare animal against background: a weighted sampler balances the classes."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler


class Calls(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = (torch.rand(n, generator=g) < 0.15).long()
        t = torch.arange(64) / 8
        tone = torch.sin(t + 6 * torch.rand(n, 1, generator=g))
        self.spectra = torch.randn(n, 64, generator=g) + 0.8 * self.labels[:, None] * tone

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.spectra[i], self.labels[i]


def balanced_loader(dataset, batch_size):
    class_weights = 1.0 / torch.bincount(dataset.labels).double()
    sampler = WeightedRandomSampler(class_weights, num_samples=len(dataset))
    return DataLoader(dataset, batch_size, sampler=sampler)


def main():
    torch.manual_seed(0)
    train, test = Calls(1500, 0), Calls(500, 1)
    loader = balanced_loader(train, 50)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(5):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        predicted = model(test.spectra).argmax(1)
    for c in (0, 1):
        print(f"recall of class {c}: {(predicted[test.labels == c] == c).float().mean():.3f}")


if __name__ == "__main__":
    main()
