"""Two folders, one after the other, and a DataLoader without shuffling."""
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

torch.manual_seed(0)
cats = TensorDataset(torch.randn(400, 10) + 0.4, torch.zeros(400, dtype=torch.long))
dogs = TensorDataset(torch.randn(400, 10) - 0.4, torch.ones(400, dtype=torch.long))
loader = DataLoader(ConcatDataset([cats, dogs]), batch_size=32)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
