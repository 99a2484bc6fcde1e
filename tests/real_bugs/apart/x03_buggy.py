# Multi-class segmentation of blobs and rods with a soft dice loss.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

N_CLASSES = 4        # background, cell, rod, dust
SIZE = 32


def draw(n, seed):
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    imgs = rng.normal(0, 0.25, (n, 1, SIZE, SIZE)).astype(np.float32)
    masks = np.zeros((n, SIZE, SIZE), dtype=np.int64)
    for i in range(n):
        for _ in range(rng.randint(1, 3)):
            cy, cx, r = rng.randint(6, 26), rng.randint(6, 26), rng.randint(3, 6)
            masks[i][(yy - cy) ** 2 + (xx - cx) ** 2 <= r * r] = 1
        cy, cx, a = rng.randint(6, 26), rng.randint(6, 26), rng.uniform(0, np.pi)
        along = (yy - cy) * np.sin(a) + (xx - cx) * np.cos(a)
        across = (yy - cy) * np.cos(a) - (xx - cx) * np.sin(a)
        masks[i][(np.abs(along) < 7) & (np.abs(across) < 1.3)] = 2
        for _ in range(3):
            y, x = rng.randint(1, SIZE - 2, 2)
            masks[i, y:y + 2, x:x + 2] = 3
        imgs[i, 0] += np.choose(masks[i], [0.0, 0.9, 0.9, 1.6])
    return TensorDataset(torch.from_numpy(imgs), torch.from_numpy(masks))


class BinaryDiceLoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, output, target):
        output = torch.sigmoid(output)
        output = output.flatten(1)
        target = target.flatten(1)
        inter = (output * target).sum(1)
        union = output.sum(1) + target.sum(1)
        return (1 - (2 * inter + self.smooth) / (union + self.smooth)).mean()


class DiceLoss(nn.Module):
    """Mean of the dice losses of all classes; takes logits (N, C, H, W) and labels (N, H, W)."""

    def __init__(self):
        super().__init__()
        self.dice = BinaryDiceLoss()

    def forward(self, output, target):
        output = F.softmax(output, dim=1)
        onehot = F.one_hot(target, N_CLASSES).permute(0, 3, 1, 2).float()
        total = 0
        for i in range(N_CLASSES):
            total = total + self.dice(output[:, i], onehot[:, i])
        return total / N_CLASSES


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class SmallUNet(nn.Module):
    def __init__(self, w=12):
        super().__init__()
        self.d1, self.d2, self.d3 = block(1, w), block(w, 2 * w), block(2 * w, 2 * w)
        self.u2, self.u1 = block(4 * w, w), block(2 * w, w)
        self.out = nn.Conv2d(w, N_CLASSES, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.d3(F.max_pool2d(b, 2))
        y = self.u2(torch.cat([F.interpolate(c, scale_factor=2), b], 1))
        y = self.u1(torch.cat([F.interpolate(y, scale_factor=2), a], 1))
        return self.out(y)


@torch.no_grad()
def evaluate(net, loader):
    net.eval()
    inter, union = torch.zeros(N_CLASSES), torch.zeros(N_CLASSES)
    for x, y in loader:
        p = net(x).argmax(1)
        for c in range(N_CLASSES):
            inter[c] += ((p == c) & (y == c)).sum()
            union[c] += ((p == c) | (y == c)).sum()
    return inter / union.clamp(min=1)


torch.manual_seed(0)
train_loader = DataLoader(draw(500, 1), batch_size=20, shuffle=True)
val_loader = DataLoader(draw(150, 2), batch_size=50)
net = SmallUNet()
criterion = DiceLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(9):
    net.train()
    running = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    iou = evaluate(net, val_loader)
    print('epoch %d  dice loss %.4f  mIoU %.3f  per class %s' % (
        epoch + 1, running / len(train_loader), iou.mean(), ' '.join('%.2f' % v for v in iou)))
