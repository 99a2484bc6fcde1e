"""Digit-like glyph recognition with a small convolutional net trained by SGD with momentum."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def glyphs(n, seed):
    g = torch.Generator().manual_seed(seed)
    prototypes = (torch.rand(5, 1, 10, 10, generator=torch.Generator().manual_seed(500)) > 0.6).float()
    y = torch.randint(0, 5, (n,), generator=g)
    x = prototypes[y] - 0.4 + 1.0 * torch.randn(n, 1, 10, 10, generator=g)
    return TensorDataset(x, y)


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 16, 32), nn.ReLU(), nn.Linear(32, 5),
    )


class Runner:
    def __init__(self, batch_size, lr=0.1, momentum=0.9, max_samples=4800):
        torch.manual_seed(23)
        self.train_loader = DataLoader(glyphs(1600, 1), batch_size=batch_size, shuffle=True)
        self.test_loader = DataLoader(glyphs(400, 2), batch_size=200)
        self.model = build()
        self.opt = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=momentum)
        self.loss = nn.CrossEntropyLoss()
        self.epochs = max_samples // 1600

    def run(self):
        for epoch in range(self.epochs):
            self.model.train()
            seen, total = 0, 0.0
            for x, y in self.train_loader:
                self.opt.zero_grad()
                loss = self.loss(self.model(x), y)
                loss.backward()
                self.opt.step()
                seen += len(y)
                total += loss.item() * len(y)
            print(f"epoch {epoch + 1}: loss {total / seen:.4f}, test accuracy {self.test():.3f}")

    @torch.no_grad()
    def test(self):
        self.model.eval()
        return sum((self.model(x).argmax(1) == y).sum().item() for x, y in self.test_loader) / 400


if __name__ == "__main__":
    Runner(batch_size=1).run()
