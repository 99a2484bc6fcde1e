"""Penguin-style classification: a small table of body measurements, three species, a small network."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(250)
gen = torch.Generator().manual_seed(250)

# four measurements; the species overlap, so nobody can be right all the time
species = torch.randint(0, 3, (340,), generator=gen)
centre = torch.tensor([[39.0, 18.3, 190.0, 3.7], [45.0, 18.2, 194.0, 3.8], [46.0, 16.0, 206.0, 4.6]])
spread = torch.tensor([4.0, 1.5, 9.0, 0.6])
table = centre[species] + spread * torch.randn(340, 4, generator=gen)

order = torch.randperm(len(table), generator=gen)
cut = int(0.7 * len(table))
train_idx, test_idx = order[:cut], order[cut:]
mean, std = table[train_idx].mean(0), table[train_idx].std(0)
table = (table - mean) / std

train_loader = DataLoader(TensorDataset(table[train_idx], species[train_idx]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(table[test_idx], species[test_idx]), batch_size=20)


class PenguinNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(4, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 3)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def train(model, loader, optimizer):
    model.train()
    total = 0.0
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(target)
    return total / len(loader.dataset)


@torch.no_grad()
def test(model, loader):
    model.eval()
    total, correct = 0.0, 0
    for data, target in loader:
        out = model(data)
        total += F.cross_entropy(out, target, reduction="sum").item()
        correct += (out.argmax(1) == target).sum().item()
    return total / len(loader.dataset), correct / len(loader.dataset)


model = PenguinNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
for epoch in range(1, 41):
    loss = train(model, train_loader, optimizer)
    if epoch % 5 == 0:
        test_loss, acc = test(model, test_loader)
        print(f"epoch {epoch}: training loss {loss:.4f} test loss {test_loss:.4f} test accuracy {acc:.3f}")
