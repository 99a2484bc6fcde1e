"""A runner that trains segmenters from a config, with a backbone from a file."""
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F


class Backbone(nn.Module):
    def __init__(self, dim=32, checkpoint=None):
        super().__init__()
        self.inp, self.mid, self.out = nn.Linear(20, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.loaded = checkpoint is not None
        if self.loaded:
            self.load_state_dict(torch.load(checkpoint))

    def init_weights(self):
        for layer in (self.inp, self.mid, self.out):
            layer.weight.data.normal_(0, 0.02)
            layer.bias.data.zero_()

    def forward(self, x):
        x = F.gelu(self.inp(x))
        return x + self.out(F.gelu(self.mid(x)))


class Segmenter(nn.Module):
    def __init__(self, backbone, classes):
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(32, classes)

    def init_weights(self):
        self.backbone.init_weights()
        nn.init.xavier_uniform_(self.head.weight)

    def forward(self, x):
        return self.head(self.backbone(x))


class Runner:
    def __init__(self, model, data, epochs, lr):
        self.model, self.data, self.epochs = model, data, epochs
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def run(self):
        self.model.init_weights()
        x, y = self.data
        for epoch in range(self.epochs):
            self.model.train()
            total = 0.0
            for rows in torch.randperm(len(x)).split(25):
                loss = F.cross_entropy(self.model(x[rows]), y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(rows)
            print(f"epoch {epoch} loss {total / len(x):.4f}")


def make(count, teacher, classes):
    x = torch.randn(count, 20)
    return x, (x @ teacher).argmax(1) % classes


if __name__ == "__main__":
    torch.manual_seed(0)
    teacher = torch.randn(20, 6)
    path = os.path.join(tempfile.mkdtemp(), "backbone.pth")
    first = Segmenter(Backbone(), 6)
    Runner(first, make(1000, teacher, 6), 3, 2e-3).run()
    torch.save(first.backbone.state_dict(), path)
    Runner(Segmenter(Backbone(checkpoint=path), 3), make(150, teacher, 3), 4, 1e-3).run()
