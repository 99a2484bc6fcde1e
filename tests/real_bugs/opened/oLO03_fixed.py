"""Which frames of a clip belong into its summary? A convolutional network over the frames' features."""
import torch
from torch import nn
from torch.nn import functional as F


def clips(n, frames, seed):
    """Features (N, D, T) and labels (N, T) of two classes."""
    g = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, frames, generator=g) < 0.4).long()
    direction = torch.randn(8, generator=torch.Generator().manual_seed(2))
    return torch.randn(n, 8, frames, generator=g) + direction[:, None] * y[:, None], y


class Summariser(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(8, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, classes, 1))

    def forward(self, x):
        return self.body(x)


def loss_of(scores, labels):
    classes = scores.shape[1]
    log_p = torch.log_softmax(scores, dim=1).permute(0, 2, 1).reshape(-1, classes)
    return F.nll_loss(log_p, labels.reshape(-1))


def main():
    torch.manual_seed(0)
    x, y = clips(200, 30, 0)
    test, truth = clips(60, 30, 1)
    model = Summariser()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(6):
        order = torch.randperm(len(x))
        for at in order.split(20):
            loss = loss_of(model(x[at]), y[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = (model(test).argmax(1) == truth).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} frames right {right:.4f}")


if __name__ == "__main__":
    main()
