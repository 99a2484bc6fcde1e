"""Bidirectional LSTM that tells grammatical from shuffled tag sequences."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

VOCAB, LENGTH = 15, 12


class BiLSTM(nn.Module):
    def __init__(self, dim=24, hidden=32, classes=2):
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(VOCAB, dim)
        self.lstm = nn.LSTM(dim, hidden, bidirectional=True, batch_first=True)
        self.out = nn.Linear(2 * hidden, classes)

    def forward(self, ids):
        _, (h, _) = self.lstm(self.embedding(ids))
        final = h.view(-1, 2 * self.hidden)
        return self.out(final)


def tags(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=g)
    start = torch.randint(0, VOCAB, (n, 1), generator=g)
    rule = torch.randint(1, 4, (n, LENGTH - 1), generator=g)
    free = torch.randint(0, VOCAB, (n, LENGTH - 1), generator=g)
    noise = torch.rand(n, LENGTH - 1, generator=g) < 0.4
    step = torch.where((y[:, None] == 1) & ~noise, rule, free)
    return TensorDataset(torch.cat([start, step], 1).cumsum(1) % VOCAB, y)


def run():
    torch.manual_seed(200)
    train_loader = DataLoader(tags(2500, 1), batch_size=50, shuffle=True)
    test_loader = DataLoader(tags(500, 2), batch_size=100)
    model = BiLSTM()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(6):
        model.train()
        cost = 0.0
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(ids), y)
            loss.backward()
            optimizer.step()
            cost += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(ids).argmax(1) == y).sum().item() for ids, y in test_loader)
        print("Epoch: %04d cost = %.6f test accuracy = %.3f" % (epoch + 1, cost / len(train_loader), hits / 500))


if __name__ == "__main__":
    run()
