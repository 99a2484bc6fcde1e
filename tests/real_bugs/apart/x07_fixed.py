import math
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Shapes(Dataset):
    """Noisy 28x28 scenes with three kinds of regions plus background."""

    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        yy, xx = np.mgrid[:28, :28]
        self.lbl = np.zeros((n, 28, 28), np.int64)
        self.img = np.zeros((n, 3, 28, 28), np.float32)
        palette = np.array([[.0, .0, .0], [.5, .1, .1], [.1, .5, .2], [.3, .1, .5]])
        for i in range(n):
            for kind in rng.permutation(3)[:2] + 1:
                cy, cx, r = rng.randint(5, 23), rng.randint(5, 23), rng.randint(4, 8)
                if kind == 1:
                    m = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
                elif kind == 2:
                    m = (abs(yy - cy) < r * .8) & (abs(xx - cx) < r * .8)
                else:
                    m = abs(yy - cy) + abs(xx - cx) < r * 1.2
                self.lbl[i][m] = kind
            self.img[i] = palette[self.lbl[i]].transpose(2, 0, 1) * rng.uniform(.5, 1.4)
        self.img += rng.normal(0, .35, self.img.shape).astype(np.float32)

    def __len__(self):
        return len(self.img)

    def __getitem__(self, k):
        return self.img[k], self.lbl[k]


class FCN(nn.Module):
    def __init__(self, n_class=4):
        super().__init__()

        def conv(i, o, s=1):
            return [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
        self.stage1 = nn.Sequential(*conv(3, 16), *conv(16, 16))
        self.stage2 = nn.Sequential(*conv(16, 32, 2), *conv(32, 32), *conv(32, 32))
        self.stage3 = nn.Sequential(*conv(32, 48, 2), *conv(48, 48), nn.Dropout2d(0.3))
        self.score1, self.score2, self.score3 = (nn.Conv2d(c, n_class, 1) for c in (16, 32, 48))

    def forward(self, x):
        a = self.stage1(x)
        b = self.stage2(a)
        c = self.stage3(b)
        h = F.interpolate(self.score3(c), scale_factor=2, mode='bilinear', align_corners=False) + self.score2(b)
        return F.interpolate(h, scale_factor=2, mode='bilinear', align_corners=False) + self.score1(a)


def mean_iu(true, pred, n_class=4):
    hist = np.bincount(n_class * true.ravel() + pred.ravel(), minlength=n_class ** 2).reshape(n_class, n_class)
    return np.nanmean(np.diag(hist) / (hist.sum(1) + hist.sum(0) - np.diag(hist)))


class Trainer(object):

    def __init__(self, model, optimizer, train_loader, val_loader, max_iter, interval_validate):
        self.model, self.optim = model, optimizer
        self.train_loader, self.val_loader = train_loader, val_loader
        self.max_iter, self.interval_validate = max_iter, interval_validate
        self.epoch = self.iteration = 0
        self.best_mean_iu = 0
        self.start = time.time()

    def validate(self):
        self.model.eval()
        preds, trues, val_loss = [], [], 0
        with torch.no_grad():
            for data, target in self.val_loader:
                score = self.model(data)
                val_loss += F.cross_entropy(score, target).item() / len(self.val_loader)
                preds.append(score.argmax(1).numpy())
                trues.append(target.numpy())
        iu = mean_iu(np.concatenate(trues), np.concatenate(preds))
        self.best_mean_iu = max(iu, self.best_mean_iu)
        print('iter %4d  valid: loss %.4f  mean IU %.4f' % (self.iteration, val_loss, iu))
        self.model.train()

    def train_epoch(self):
        self.model.train()
        losses = []
        for data, target in self.train_loader:
            if self.iteration % self.interval_validate == 0:
                self.validate()
            self.optim.zero_grad()
            loss = F.cross_entropy(self.model(data), target)
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
            self.iteration += 1
            if self.iteration >= self.max_iter:
                break
        print('epoch %d  train loss: first batches %.4f, last batches %.4f' % (
            self.epoch, np.mean(losses[:3]), np.mean(losses[-3:])))

    def train(self):
        for epoch in range(math.ceil(self.max_iter / len(self.train_loader))):
            self.epoch = epoch
            self.train_epoch()
        self.validate()
        print('best mean IU %.4f' % self.best_mean_iu)


torch.manual_seed(1337)
train_loader = DataLoader(Shapes(240, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(Shapes(120, 2), batch_size=40)
model = FCN()
optim = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
Trainer(model, optim, train_loader, val_loader, max_iter=210, interval_validate=15).train()
