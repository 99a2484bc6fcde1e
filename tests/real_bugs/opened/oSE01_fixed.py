"""Which stroke is it? Digits made of bars, read row by row by an LSTM."""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset


class Bars(Dataset):
    """Pictures of 12 rows and 10 columns: a bar that goes up or down, left or right."""

    def __init__(self, count, seed):
        rng = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(4, (count,), generator=rng)
        self.pictures = 0.3 * torch.randn(count, 1, 12, 10, generator=rng)
        for picture, label in zip(self.pictures, self.labels):
            for row in range(12):
                column = [row, 11 - row, row // 2, 9 - row // 2][label] % 10
                picture[0, row, column] += 1.5

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.pictures[i], self.labels[i]


class RowReader(nn.Module):
    def __init__(self, in_dim, hidden_dim, n_layer, n_class):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, n_layer, batch_first=True)
        self.classifier = nn.Linear(hidden_dim, n_class)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.classifier(out[:, -1, :])


torch.manual_seed(3)
train_loader = DataLoader(Bars(900, 0), batch_size=50, shuffle=True)
test_loader = DataLoader(Bars(220, 1), batch_size=50, shuffle=False)
model = RowReader(10, 32, 1, 4)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(4):
    model.train()
    running_loss = 0.0
    for picture, label in train_loader:
        out = model(picture.squeeze(1))
        loss = criterion(out, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * label.size(0)
    model.eval()
    correct = 0
    with torch.no_grad():
        for picture, label in test_loader:
            correct += (model(picture.squeeze(1)).argmax(1) == label).sum().item()
    print(f"epoch {epoch + 1}: loss {running_loss / 900:.4f}, test accuracy {correct / 220:.4f}")
