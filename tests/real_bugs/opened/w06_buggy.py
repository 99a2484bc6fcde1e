import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

np.random.seed(0)
torch.manual_seed(0)


def colored_digits(n, corr):
    """8x8 glyphs whose background tint agrees with the class with probability corr."""
    glyphs = (np.random.RandomState(5).rand(5, 8, 8) > 0.6).astype(np.float32)
    y = np.random.randint(0, 5, n)
    tint = np.where(np.random.rand(n) < corr, y, np.random.randint(0, 5, n))
    palette = np.random.RandomState(6).rand(5, 3).astype(np.float32)
    img = glyphs[y][:, None] * 1.0 + (1 - glyphs[y])[:, None] * palette[tint][:, :, None, None]
    img += 0.25 * np.random.randn(*img.shape)
    return torch.from_numpy(img.astype(np.float32)), torch.from_numpy(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4, 64)
        self.fc2 = nn.Linear(64, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        feat = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(feat), feat


def class_correlation(feat, y):
    """Penalty on within-class second moment of every hidden unit."""
    pen = 0.0
    for c in y.unique():
        pen = pen + feat[y == c].pow(2).mean()
    return pen


x_tr, y_tr = colored_digits(3000, 0.6)
x_te, y_te = colored_digits(800, 0.2)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
batch = 50
beta = 1e-3

for epoch in range(10):
    net.train()
    order = torch.randperm(len(x_tr))
    optimizer.zero_grad()
    total, hits = 0.0, 0
    for k in range(0, len(order), batch):
        idx = order[k:k + batch]
        out, feat = net(x_tr[idx])
        loss = F.cross_entropy(out, y_tr[idx]) + beta * class_correlation(feat, y_tr[idx])
        loss.backward()
        optimizer.step()
        total += loss.item()
        hits += (out.argmax(1) == y_tr[idx]).sum().item()
    net.eval()
    with torch.no_grad():
        acc = (net(x_te)[0].argmax(1) == y_te).float().mean().item()
    print("Epoch %d: loss %.4f  train acc %.2f  test acc %.2f" % (
        epoch, total / (len(order) // batch), 100. * hits / len(order), 100 * acc))
