import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser(description="long-tailed classification")
parser.add_argument("--num-classes", type=int, default=10)
parser.add_argument("--imb-factor", type=float, default=0.01)
parser.add_argument("--gamma", type=float, default=2.0)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--batch-size", type=int, default=100)
parser.add_argument("--lr", type=float, default=0.05)
args = parser.parse_args()


def get_img_num_per_cls(cls_num, img_max, imb_factor):
    return [int(img_max * imb_factor ** (i / (cls_num - 1.0))) for i in range(cls_num)]


def make_split(counts, centers, gen):
    xs, ys = [], []
    for c, n in enumerate(counts):
        mode = torch.randint(0, 2, (n,), generator=gen)
        xs.append(centers[c][mode] + 1.5 * torch.randn(n, centers.shape[-1], generator=gen))
        ys.append(torch.full((n,), c))
    return torch.cat(xs), torch.cat(ys)


def focal_loss(input_values, gamma):
    """Computes the focal loss"""
    p = torch.exp(-input_values)
    loss = (1 - p) ** gamma * input_values
    return loss.mean()


class FocalLoss(nn.Module):
    def __init__(self, weight=None, gamma=0.):
        super().__init__()
        assert gamma >= 0
        self.gamma = gamma
        self.weight = weight

    def forward(self, input, target):
        return focal_loss(F.cross_entropy(input, target, weight=self.weight), self.gamma)


gen = torch.Generator().manual_seed(3)
torch.manual_seed(3)
centers = torch.randn(args.num_classes, 2, 20, generator=gen)
cls_num_list = get_img_num_per_cls(args.num_classes, 1500, args.imb_factor)
print("cls num list:", cls_num_list)
x_train, y_train = make_split(cls_num_list, centers, gen)
x_val, y_val = make_split([100] * args.num_classes, centers, gen)

model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, args.num_classes),
)
optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9, weight_decay=2e-4)
per_cls_weights = 1.0 / np.sqrt(np.array(cls_num_list))
per_cls_weights = torch.tensor(per_cls_weights / per_cls_weights.sum() * len(cls_num_list)).float()
criterion = FocalLoss(weight=per_cls_weights, gamma=args.gamma)

for epoch in range(args.epochs):
    model.train()
    perm = torch.randperm(len(x_train))
    running = 0.0
    for i in range(0, len(perm), args.batch_size):
        idx = perm[i:i + args.batch_size]
        loss = criterion(model(x_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    if epoch % 3 == 2:
        model.eval()
        with torch.no_grad():
            logits = model(x_val)
            hit = (logits.argmax(1) == y_val).float()
            per_class = hit.view(args.num_classes, -1).mean(1)
            conf = logits.softmax(1).max(1).values.mean()
        print(f"epoch {epoch:2d} loss {running / len(perm):.4f} Prec@1 {hit.mean():.3f} "
              f"head {per_class[:3].mean():.3f} tail {per_class[-3:].mean():.3f} "
              f"conf {conf:.3f} nll {F.cross_entropy(logits, y_val):.3f}")
