"""Pretrains a classifier wrapped for multi-device use, saves it and fine-tunes it from the checkpoint on little data."""
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.fc = nn.Linear(96, 8)

    def forward(self, x):
        return self.fc(self.trunk(x))


def make(n, seed, tilt=0.0):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(24, 8, generator=torch.Generator().manual_seed(130))
    w = w + tilt * torch.randn(24, 8, generator=torch.Generator().manual_seed(131))
    x = torch.randn(n, 24, generator=g)
    return x, (torch.tanh(x) @ w + 0.5 * torch.randn(n, 8, generator=g)).argmax(1)


def run(model, x, y, epochs, lr, tag, val):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        for i in torch.randperm(len(x)).split(50):
            loss = F.cross_entropy(model(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        model.eval()
        with torch.no_grad():
            acc = (model(val[0]).argmax(1) == val[1]).float().mean().item()
        print(f"{tag} epoch {epoch} loss {loss.item():.4f} val acc {acc:.3f}")
    return opt


def main():
    torch.manual_seed(132)
    path = os.path.join(tempfile.mkdtemp(), "checkpoint.pth.tar")
    model = nn.DataParallel(Net())
    opt = run(model, *make(4000, 1), epochs=5, lr=2e-3, tag="pretrain", val=make(500, 2))
    torch.save({"epoch": 5, "state_dict": model.state_dict(), "optimizer": opt.state_dict()}, path)

    checkpoint = torch.load(path)
    net = Net()
    net.load_state_dict(checkpoint["state_dict"], strict=False)
    print(f"loaded checkpoint from epoch {checkpoint['epoch']}")
    run(net, *make(500, 3, tilt=0.3), epochs=8, lr=3e-4, tag="finetune", val=make(500, 4, tilt=0.3))


if __name__ == "__main__":
    main()
