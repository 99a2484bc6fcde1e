"""Image classifier trained with mixup done on the fly, in place."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Mixup:
    def __init__(self, num_classes, alpha=0.4, smoothing=0.05):
        self.beta = torch.distributions.Beta(alpha, alpha)
        self.num_classes, self.smoothing = num_classes, smoothing

    def one_hot(self, target):
        off = self.smoothing / self.num_classes
        return torch.full((len(target), self.num_classes), off).scatter_(1, target[:, None], 1 - self.smoothing + off)

    def __call__(self, input, target):
        lam = self.beta.sample().item()
        y = self.one_hot(target)
        input_flipped = input.flip(0).mul_(1 - lam)
        input.mul_(lam).add_(input_flipped)
        return input, y * lam + y.flip(0) * (1 - lam)


class SoftTargetCrossEntropy(nn.Module):
    def forward(self, x, target):
        return -(target * x.log_softmax(-1)).sum(-1).mean()


def pictures(n, seed):
    """Crosses, bars, rings and the like, eight kinds, in noise."""
    g = torch.Generator().manual_seed(seed)
    grid = torch.arange(12).float() - 5.5
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    y = torch.randint(0, 8, (n,), generator=g)
    cx, cy = 1.2 * torch.randn(2, n, 1, 1, generator=g)
    u, v = xx - cx, yy - cy
    r = (u ** 2 + v ** 2).sqrt()
    kinds = torch.stack([(u.abs() < 1).float(), (v.abs() < 1).float(), ((u - v).abs() < 1.4).float(), ((u + v).abs() < 1.4).float(),
                         ((r - 3).abs() < 0.8).float(), (r < 2).float(), ((u.abs() < 1) | (v.abs() < 1)).float(),
                         ((u.abs() + v.abs() - 3).abs() < 1).float()])
    x = kinds[y, torch.arange(n)] + 0.8 * torch.randn(n, 12, 12, generator=g)
    return x[:, None], y


def build():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(48 * 9, 8))


if __name__ == "__main__":
    torch.manual_seed(400)
    x, y = pictures(2400, 1)
    xv, yv = pictures(800, 2)
    mean, std = x.mean(), x.std()
    loader = DataLoader(TensorDataset((x - mean) / std, y), batch_size=48, shuffle=True)
    xv = (xv - mean) / std
    model, mix = build(), Mixup(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    epochs = 8
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=epochs * len(loader))
    train_loss_fn, val_loss_fn = SoftTargetCrossEntropy(), nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for images, labels in loader:
            images, labels = mix(images, labels)
            loss = train_loss_fn(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            out = model(xv)
        print(f"epoch {epoch} train loss {total / len(loader):.4f} val loss {val_loss_fn(out, yv).item():.4f} "
              f"val acc {(out.argmax(1) == yv).float().mean().item():.3f}")
