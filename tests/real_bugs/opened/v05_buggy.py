"""Fine-tunes a detector-like network for new classes with the backbone frozen, so the old head stays valid."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )
        self.old_head = nn.Linear(128, 4)
        self.new_head = nn.Linear(128, 3)

    def forward(self, x, head):
        return getattr(self, head)(self.backbone(x))


def patterns(n, classes, shift, g):
    """Oriented gratings; the classes are orientations."""
    y = torch.randint(0, classes, (n,), generator=g)
    angle = torch.pi * (y + shift) / classes + 0.08 * torch.randn(n, generator=g)
    grid = torch.linspace(-1, 1, 12)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    wave = xx * angle.cos()[:, None, None] + yy * angle.sin()[:, None, None]
    phase = 6.28 * torch.rand(n, 1, 1, generator=g)
    img = torch.sin(5 * wave + phase) + 1.3 * torch.randn(n, 12, 12, generator=g)
    return (img / img.std())[:, None], y


@torch.no_grad()
def accuracy(model, x, y, head):
    model.eval()
    return (model(x, head).argmax(1) == y).float().mean().item()


def fit(model, optimizer, x, y, head, epochs):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for i in torch.randperm(len(x)).split(32):
            loss = F.cross_entropy(model(x[i], head), y[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        print(f"  {head} epoch {epoch} loss {total / len(x):.4f}")


def make_optimizer(model, lr):
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        p.requires_grad = True
        if not p.requires_grad:
            continue
        (no_decay if p.ndim == 1 else decay).append(p)
    return torch.optim.AdamW([{"params": decay, "weight_decay": 1e-2}, {"params": no_decay, "weight_decay": 0.0}], lr=lr)


def main():
    torch.manual_seed(50)
    g = torch.Generator().manual_seed(50)
    model = Net()
    x_old, y_old = patterns(1500, 4, 0.0, g)
    xv_old, yv_old = patterns(500, 4, 0.0, g)
    print("pre-training on the old classes")
    fit(model, make_optimizer(model, 2e-3), x_old, y_old, "old_head", 5)
    print(f"old classes: {accuracy(model, xv_old, yv_old, 'old_head'):.3f}")

    freeze = ["backbone.", "old_head."]
    for name, p in model.named_parameters():
        if any(name.startswith(f) for f in freeze):
            print("freezing", name)
            p.requires_grad = False
    x_new, y_new = patterns(900, 3, 0.5, g)
    xv_new, yv_new = patterns(500, 3, 0.5, g)
    fit(model, make_optimizer(model, 2e-3), x_new, y_new, "new_head", 8)
    print(f"new classes: {accuracy(model, xv_new, yv_new, 'new_head'):.3f}")
    print(f"old classes afterwards: {accuracy(model, xv_old, yv_old, 'old_head'):.3f}")


if __name__ == "__main__":
    main()
