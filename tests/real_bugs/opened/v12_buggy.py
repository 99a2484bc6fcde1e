"""Trajectory prediction: an LSTM encodes observed displacements, a linear head gives the next three."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

OBS, PRED = 10, 3


class EncoderLstm(nn.Module):
    def __init__(self, hidden_size=48, num_layers=1):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.lstm = nn.LSTM(2, hidden_size, num_layers, batch_first=True)

    def forward(self, lstm_in):
        n = lstm_in.shape[0]
        hidden = torch.randn(self.num_layers, n, self.hidden_size, device=lstm_in.device)
        cell = torch.randn(self.num_layers, n, self.hidden_size, device=lstm_in.device)
        out, _ = self.lstm(lstm_in, (hidden, cell))
        return out[:, -1]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = EncoderLstm()
        self.decoder = nn.Linear(48, 2 * PRED)

    def forward(self, x):
        return self.decoder(self.encoder(x)).view(-1, PRED, 2)


def drive(n, seed):
    """Vehicles with their own speed, turn rate and acceleration; measured displacement per step."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(OBS + PRED).float()
    heading = 6.28 * torch.rand(n, 1, generator=g) + 0.25 * torch.randn(n, 1, generator=g) * t
    speed = (1 + 0.4 * torch.randn(n, 1, generator=g) + 0.05 * torch.randn(n, 1, generator=g) * t).clamp(min=0.1)
    step = torch.stack([speed * heading.cos(), speed * heading.sin()], dim=-1)
    return (step + 0.05 * torch.randn(step.shape, generator=g)) / 0.75


def ade(model, x, y):
    model.eval()
    with torch.no_grad():
        err = (model(x).cumsum(1) - y.cumsum(1)).norm(dim=-1)
    return err.mean().item()


torch.manual_seed(120)
train, test = drive(3000, 1), drive(700, 2)
loader = DataLoader(TensorDataset(train[:, :OBS], train[:, OBS:]), batch_size=64, shuffle=True)
model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)
criterion = nn.SmoothL1Loss()

for epoch in range(10):
    model.train()
    total = 0.0
    for past, future in loader:
        loss = criterion(model(past), future)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item() * len(past)
    scheduler.step()
    print(f"epoch {epoch} loss {total / len(train):.4f} test displacement error "
          f"{ade(model, test[:, :OBS], test[:, OBS:]):.4f} again {ade(model, test[:, :OBS], test[:, OBS:]):.4f}")
