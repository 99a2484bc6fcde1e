"""Patch classifier with hand-made batching."""
import numpy as np
import torch
from torch import nn


def make_patches(n, rng):
    """Blobs of different size and number against noise, five kinds."""
    y = rng.integers(0, 5, n)
    grid = np.arange(14)
    x = 0.7 * rng.normal(size=(n, 14, 14))
    for k in range(n):
        for _ in range(1 + y[k] % 3):
            cy, cx = rng.uniform(3, 11, 2)
            width = 1.2 if y[k] < 3 else 2.6
            x[k] += 2.2 * np.exp(-((grid[:, None] - cy) ** 2 + (grid[None] - cx) ** 2) / (2 * width ** 2))
    return x.astype(np.float32)[:, None], y


class Trainer:
    def __init__(self, model, batch_size=40, lr=1.5e-3, epochs=6):
        self.model, self.batch_size = model, batch_size
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=epochs)
        self.loss = nn.CrossEntropyLoss()

    def batches(self, tensor, order):
        for start in range(0, len(order), self.batch_size):
            yield tensor[order[start:start + self.batch_size]]

    def train_epoch(self, images, labels):
        self.model.train()
        total = correct = 0.0
        image_batches = self.batches(images, torch.randperm(len(images)))
        label_batches = self.batches(labels, torch.randperm(len(labels)))
        for image, label in zip(image_batches, label_batches):
            out = self.model(image)
            loss = self.loss(out, label)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(label)
            correct += (out.argmax(1) == label).sum().item()
        self.scheduler.step()
        return total / len(labels), correct / len(labels)

    @torch.no_grad()
    def validate(self, images, labels):
        self.model.eval()
        out = self.model(images)
        return self.loss(out, labels).item(), (out.argmax(1) == labels).float().mean().item()


def main():
    torch.manual_seed(230)
    rng = np.random.default_rng(230)
    (x, y), (xv, yv) = make_patches(3000, rng), make_patches(600, rng)
    mean, std = x.mean(), x.std()
    x, xv = torch.from_numpy((x - mean) / std), torch.from_numpy((xv - mean) / std)
    y, yv = torch.from_numpy(y), torch.from_numpy(yv)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(288, 5))
    trainer = Trainer(model)
    for epoch in range(6):
        loss, acc = trainer.train_epoch(x, y)
        val_loss, val_acc = trainer.validate(xv, yv)
        print(f"epoch {epoch}: loss {loss:.4f} acc {acc:.3f} val loss {val_loss:.4f} val acc {val_acc:.3f}")


if __name__ == "__main__":
    main()
