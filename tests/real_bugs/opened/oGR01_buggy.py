"""An autoencoder of small pictures with a stack of residual layers in the middle."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.conv3 = nn.Conv2d(channels, hidden, 3, padding=1, bias=False)
        self.conv1 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x):
        return x + self.conv1(F.relu(self.conv3(F.relu(x))))


class ResidualStack(nn.Module):
    def __init__(self, channels, hidden, count):
        super().__init__()
        self.layers = nn.ModuleList([Residual(channels, hidden)] * count)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return F.relu(x)


class Autoencoder(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.down = nn.Conv2d(1, channels, 4, 2, 1)
        self.stack = ResidualStack(channels, 8, 3)
        self.up = nn.ConvTranspose2d(channels, 1, 4, 2, 1)

    def forward(self, x):
        return self.up(self.stack(self.down(x)))


def pictures(count, generator):
    """Sums of two waves, values around zero."""
    phase = torch.rand(count, 2, 1, 1, generator=generator) * 6.28
    pace = 0.2 + torch.rand(count, 2, 1, 1, generator=generator)
    row, column = torch.arange(16.0).view(1, 16, 1), torch.arange(16.0).view(1, 1, 16)
    return (torch.sin(pace[:, 0] * row + phase[:, 0]) * torch.cos(pace[:, 1] * column + phase[:, 1]))[:, None]


def main():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    train, test = pictures(512, g), pictures(128, g)
    model = Autoencoder()
    print(sum(p.numel() for p in model.parameters()), "parameters")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(4):
        model.train()
        for rows in torch.randperm(len(train), generator=g).split(32):
            x = train[rows]
            loss = F.mse_loss(model(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, f"reconstruction {F.mse_loss(model(test), test).item():.4f}")


if __name__ == "__main__":
    main()
