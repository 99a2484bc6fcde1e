"""Attribute prediction on a folder of faces, in the layout of CelebA (two text files and one array per picture)."""
import csv
import os
import tempfile
from collections import namedtuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CSV = namedtuple('CSV', ['index', 'data'])
ATTRIBUTES = ['Smiling', 'Eyeglasses', 'Wearing_Hat', 'Bald', 'Open_Mouth']


def write_archive(root, n=2400, seed=0):
    """Simple drawn faces; the split of each person is drawn at random."""
    rng = np.random.default_rng(seed)
    os.makedirs(os.path.join(root, 'img'), exist_ok=True)
    yy, xx = np.mgrid[:24, :24]
    with open(os.path.join(root, 'list_attr.txt'), 'w') as fa, open(os.path.join(root, 'list_eval_partition.txt'), 'w') as fp:
        for i in range(n):
            name = f'{i + 1:06d}.npy'
            attr = rng.random(5) < [0.5, 0.35, 0.3, 0.3, 0.4]
            attr[3] &= ~attr[2]
            cy, cx = 12 + rng.integers(-1, 2), 12 + rng.integers(-2, 3)
            img = np.full((24, 24), rng.uniform(0, 0.25))
            img[((yy - cy) / 10) ** 2 + ((xx - cx) / 7) ** 2 < 1] = rng.uniform(0.5, 0.8)
            if not attr[3]:
                img[(yy < cy - 6) & (np.abs(xx - cx) < 6)] = rng.uniform(0.1, 0.3)
            if attr[2]:
                img[(np.abs(yy - cy + 8) < 2) & (np.abs(xx - cx) < 8)] = 0.95
            for side in (-3, 3):
                img[cy - 2, cx + side] = 0.05
                if attr[1]:
                    img[cy - 3:cy, cx + side - 1:cx + side + 2] -= 0.3
            curve = 0.15 if attr[0] else -0.12
            img[np.abs(yy - cy - 5 + curve * (xx - cx) ** 2 - (1 if attr[0] else -1)) * (np.abs(xx - cx) < 4) < 0.6 * (np.abs(xx - cx) < 4)] = 0.1
            if attr[4]:
                img[cy + 5:cy + 8, cx - 1:cx + 2] = 0.05
            np.save(os.path.join(root, 'img', name), (img + rng.normal(0, 0.06, img.shape)).astype(np.float32))
            fa.write(name + ' ' + ' '.join('1' if a else '-1' for a in attr) + '\n')
            fp.write(f'{name} {rng.choice(3, p=[0.7, 0.15, 0.15])}\n')


class FaceAttributes(Dataset):
    splits = {'train': 0, 'valid': 1, 'test': 2, 'all': None}

    def __init__(self, root, split):
        self.root = root
        code = self.splits[split]
        partition = self._load_csv('list_eval_partition.txt')
        attr = self._load_csv('list_attr.txt')
        mask = slice(None) if code is None else (partition.data == code).squeeze()
        self.filename = partition.index
        self.attr = (attr.data[mask] + 1) // 2

    def _load_csv(self, name):
        with open(os.path.join(self.root, name)) as f:
            rows = list(csv.reader(f, delimiter=' ', skipinitialspace=True))
        return CSV([r[0] for r in rows], torch.tensor([[int(v) for v in r[1:]] for r in rows]))

    def __getitem__(self, index):
        img = np.load(os.path.join(self.root, 'img', self.filename[index]))
        return torch.from_numpy(img)[None] - 0.4, self.attr[index].float()

    def __len__(self):
        return len(self.attr)


def cached(dataset):
    return [dataset[i] for i in range(len(dataset))]


def score(model, loader):
    model.eval()
    logits, target = zip(*((model(x).detach(), y) for x, y in loader))
    logits, target = torch.cat(logits), torch.cat(target)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, target).item()
    return loss, ((logits > 0) == (target > 0.5)).float().mean(0)


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as root:
        write_archive(root)
        sets = {s: cached(FaceAttributes(root, s)) for s in ('train', 'valid', 'test')}
    print({k: len(v) for k, v in sets.items()})
    train = DataLoader(sets['train'], batch_size=32, shuffle=True)
    valid, test = DataLoader(sets['valid'], batch_size=100), DataLoader(sets['test'], batch_size=100)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(32 * 36, 64), nn.ReLU(), nn.Linear(64, len(ATTRIBUTES)))
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train:
            loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        vl, va = score(model, valid)
        print(f'epoch {epoch + 1}: train loss {total / len(train):.4f}, valid loss {vl:.4f}, valid accuracy {va.mean():.4f}')
    _, acc = score(model, test)
    print('test: ' + ', '.join(f'{n} {a:.3f}' for n, a in zip(ATTRIBUTES, acc.tolist())))


if __name__ == '__main__':
    main()
