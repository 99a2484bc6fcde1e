"""What does a machine do? Short windows of two sensors, classified by a GRU."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def windows(n, seed):
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(3, (n,), generator=g)
    t = torch.arange(20.0)
    phase = 6.28 * torch.rand(n, 1, generator=g)
    speed = torch.tensor([0.3, 0.6, 0.9])[kind][:, None]
    x = torch.stack([torch.sin(speed * t + phase), torch.cos(speed * t + phase)], -1)
    return TensorDataset(x + 0.7 * torch.randn(x.shape, generator=g), kind)


class Activity(nn.Module):
    """The batch size is fixed, so that the state can be kept between calls."""

    def __init__(self, batch_size, hidden=24):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 3)
        self.batch_size, self.hidden_size = batch_size, hidden
        self.reset()

    def reset(self):
        self.h = torch.zeros(1, self.batch_size, self.hidden_size)

    def forward(self, x):
        features, h = self.gru(x, self.h)
        self.h = h.detach()
        return self.out(features[:, -1])


torch.manual_seed(0)
BATCH = 40
loader = DataLoader(windows(800, 0), BATCH, shuffle=True, drop_last=True)
test = DataLoader(windows(200, 1), BATCH, drop_last=True)
model = Activity(BATCH)
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
loss_function = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    model.reset()
    for x, y in loader:
        prediction = model(x)
        loss = loss_function(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in test:
            right += (model(x).argmax(1) == y).sum().item()
    print("epoch", epoch, "loss", round(loss.item(), 4), "accuracy", right / 200)
