"""Segments bright blobs in noisy images with a small fully convolutional network and a Dice loss."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def blobs(n, size=24, seed=0):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    c = 5 + (size - 10) * torch.rand(n, 2, generator=g)
    r = 3 + 3 * torch.rand(n, generator=g)
    dist = ((yy[None] - c[:, 0, None, None]) ** 2 + (xx[None] - c[:, 1, None, None]) ** 2).sqrt()
    mask = (dist < r[:, None, None]).float()
    img = 0.8 * mask + 0.6 * torch.randn(n, size, size, generator=g)
    return img.unsqueeze(1), mask.unsqueeze(1)


def conv_block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class SegNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down = nn.Sequential(conv_block(1, width), nn.MaxPool2d(2), conv_block(width, 2 * width))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Sequential(conv_block(2 * width, width), nn.Conv2d(width, 1, 1))

    def forward(self, x):
        return self.out(self.up(self.down(x)))


def dice_loss(logits, target, eps=1.0):
    prob = torch.sigmoid(logits)
    inter = (prob * target).sum(dim=(1, 2, 3))
    total = prob.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return (1 - (2 * inter + eps) / (total + eps)).mean()


def iou(model, loader):
    model.eval()
    scores = []
    with torch.no_grad():
        for x, m in loader:
            p = torch.sigmoid(model(x)) > 0.5
            m = m.bool()
            scores.append((p & m).sum((1, 2, 3)) / (p | m).sum((1, 2, 3)).clamp(min=1))
    return torch.cat(scores).mean().item()


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(TensorDataset(*blobs(640, seed=1)), batch_size=32, shuffle=True)
    val_loader = DataLoader(TensorDataset(*blobs(128, seed=2)), batch_size=64)
    model = SegNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(5):
        model.train()
        total = 0
        for x, m in train_loader:
            optimizer.zero_grad()
            loss = dice_loss(model(x), m)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: dice loss {total / len(train_loader):.4f} val IoU {iou(model, val_loader):.4f}")


if __name__ == "__main__":
    main()
