"""Two data sets of the same files, augmented and plain; train and validation indices come from two permutations."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Pictures(Dataset):
    def __init__(self, augment):
        g = torch.Generator().manual_seed(0)
        centres = torch.randn(5, 1, 8, 8, generator=g)
        self.y = torch.randint(5, (600,), generator=g)
        self.x = centres[self.y] + 1.3 * torch.randn(600, 1, 8, 8, generator=g)
        self.augment = augment

    def __len__(self):
        return 600

    def __getitem__(self, i):
        x = self.x[i]
        return (x + 0.2 * torch.randn(x.shape) if self.augment else x), self.y[i]


torch.manual_seed(0)
train_set = Subset(Pictures(True), torch.randperm(600)[:480].tolist())
val_set = Subset(Pictures(False), torch.randperm(600)[480:].tolist())
train, val = DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 60)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(6):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in val:
            hits += (model(x).argmax(1) == y).sum().item()
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {hits / len(val_set):.3f}")
