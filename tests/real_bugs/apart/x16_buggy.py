"""Single-object detector (class and box) on rendered scenes, in the manner of SSD's training script."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data as data

parser = argparse.ArgumentParser(description='Single shot detection of one object')
parser.add_argument('--batch_size', default=1, type=int)
parser.add_argument('--lr', '--learning-rate', default=2e-2, type=float)
parser.add_argument('--momentum', default=0.9, type=float)
parser.add_argument('--weight_decay', default=5e-4, type=float)
parser.add_argument('--epochs', default=4, type=int)
parser.add_argument('--n_images', default=1000, type=int)
args = parser.parse_args()


class Scenes(data.Dataset):
    CLASSES = ('disc', 'square', 'plus')

    def __init__(self, n, seed, size=32):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[:size, :size]
        self.images = np.empty((n, 1, size, size), np.float32)
        self.boxes = np.empty((n, 4), np.float32)
        self.labels = rng.integers(3, size=n)
        for i in range(n):
            w, h = rng.uniform(7, 16, 2)
            if self.labels[i] == 0:
                h = w
            cx, cy = rng.uniform(w / 2, size - w / 2), rng.uniform(h / 2, size - h / 2)
            u, v = (xx - cx) / (w / 2), (yy - cy) / (h / 2)
            if self.labels[i] == 0:
                m = u * u + v * v < 1
            elif self.labels[i] == 1:
                m = (abs(u) < 1) & (abs(v) < 1)
            else:
                m = ((abs(u) < 1) & (abs(v) < .35)) | ((abs(v) < 1) & (abs(u) < .35))
            self.images[i, 0] = rng.uniform(0, .3) + m * rng.uniform(.4, .8) + rng.normal(0, .08, m.shape)
            self.boxes[i] = np.array([cx, cy, w, h]) / size

    def __getitem__(self, i):
        return self.images[i], self.labels[i], self.boxes[i]

    def __len__(self):
        return len(self.labels)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * 16, 96), nn.ReLU())
        self.conf = nn.Linear(96, 3)
        self.loc = nn.Linear(96, 4)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(m.weight, nonlinearity='relu')
                nn.init.zeros_(m.bias)
        nn.init.xavier_uniform_(self.conf.weight)
        nn.init.xavier_uniform_(self.loc.weight)

    def forward(self, x):
        h = self.base(x - 0.4)
        return self.conf(h), self.loc(h)


VARIANCE = 0.1


def multibox_loss(conf, loc, labels, boxes):
    target = torch.cat([(boxes[:, :2] - 0.5) / VARIANCE, torch.log(boxes[:, 2:] / 0.35) / (2 * VARIANCE)], dim=1)
    loss_l = F.smooth_l1_loss(loc, target, reduction='sum') / len(boxes)
    loss_c = F.cross_entropy(conf, labels)
    return loss_l, loss_c


def decode(loc):
    return torch.cat([loc[:, :2] * VARIANCE + 0.5, 0.35 * torch.exp(loc[:, 2:] * 2 * VARIANCE)], dim=1)


def iou(a, b):
    lo = torch.max(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    hi = torch.min(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    inter = (hi - lo).clamp(min=0).prod(1)
    return inter / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - inter)


def train():
    torch.manual_seed(0)
    loader = data.DataLoader(Scenes(args.n_images, 1), args.batch_size, shuffle=True)
    test = Scenes(300, 2)
    images, labels, boxes = (torch.from_numpy(v) for v in (test.images, test.labels, test.boxes))
    net = Detector()
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=args.weight_decay)
    iteration = 0
    for epoch in range(args.epochs):
        sums = np.zeros(2)
        for x, y, box in loader:
            loss_l, loss_c = multibox_loss(*net(x), y, box)
            optimizer.zero_grad()
            (loss_l + loss_c).backward()
            optimizer.step()
            sums += [loss_l.item(), loss_c.item()]
            iteration += 1
        with torch.no_grad():
            conf, loc = net(images)
        print('iter %5d || loc loss: %.4f conf loss: %.4f || test accuracy %.3f mean IoU %.3f' % (
            iteration, sums[0] / len(loader), sums[1] / len(loader),
            (conf.argmax(1) == labels).float().mean(), iou(decode(loc), boxes).mean()))


train()
