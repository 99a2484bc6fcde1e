"""Sorts wine samples into three cultivars with an MLP and custom weight initialization."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.out = nn.Linear(32, 3)
        self.apply(init_weights)

    def forward(self, x):
        return self.out(self.hidden(x))


def wines(n, g):
    centres = torch.tensor([
        [1.2, -0.9, 0.8, -1.0, 0.3, 1.0, -0.7, 0.1],
        [-0.8, 1.1, -1.1, 0.2, 0.9, -1.2, 0.4, -0.6],
        [-0.5, -0.8, 1.0, 1.1, -1.3, 0.1, 0.9, 0.7],
    ])
    y = torch.randint(0, 3, (n,), generator=g)
    return centres[y] + 1.1 * torch.randn(n, 8, generator=g), y


def run_epoch(model, loader, criterion, optimizer=None):
    training = optimizer is not None
    model.train(training)
    loss_sum = hits = n = 0
    with torch.set_grad_enabled(training):
        for x, y in loader:
            out = model(x)
            loss = criterion(out, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
            n += len(y)
    return loss_sum / n, hits / n


if __name__ == "__main__":
    torch.manual_seed(6)
    g = torch.Generator().manual_seed(6)
    train_loader = DataLoader(TensorDataset(*wines(1500, g)), batch_size=50, shuffle=True)
    val_loader = DataLoader(TensorDataset(*wines(500, g)), batch_size=250)
    model = WineNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(8):
        tr = run_epoch(model, train_loader, criterion, optimizer)
        va = run_epoch(model, val_loader, criterion)
        print("epoch %d  train %.4f / %.3f  val %.4f / %.3f" % (epoch, *tr, *va))
