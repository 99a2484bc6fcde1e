"""A Trainer with callbacks, BatchNorm and an evaluation in the middle of the epoch."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Trainer:
    def __init__(self, net, train, val):
        self.net, self.train_dl, self.val_dl = net, train, val
        self.opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, T_max=4)
        self.step = 0

    def validate(self):
        self.net.eval()
        right = total = 0
        with torch.no_grad():
            for x, y in self.val_dl:
                right += self.net(x).argmax(1).eq(y).sum().item()
                total += len(y)
        self.net.train()
        return right / total

    def fit(self, epochs):
        self.net.train()
        for epoch in range(epochs):
            for x, y in self.train_dl:
                self.opt.zero_grad()
                loss = nn.functional.cross_entropy(self.net(x), y)
                loss.backward()
                self.opt.step()
                self.step += 1
                if self.step % 10 == 0:
                    print(f"step {self.step} loss {loss.item():.3f} val {self.validate():.3f}")
            self.sched.step()


torch.manual_seed(0)
centres = torch.randn(6, 3, 8, 8)
y = torch.randint(6, (900,))
data = TensorDataset(centres[y] + 1.5 * torch.randn(900, 3, 8, 8), y)
train, val = random_split(data, [750, 150])
net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
                    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32, 6))
Trainer(net, DataLoader(train, 50, shuffle=True), DataLoader(val, 50)).fit(4)
