"""Convolutional classifier ported from another framework, small batches, batch normalisation throughout."""
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

norm_layer = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.99)


class ConvBNAct(nn.Sequential):
    def __init__(self, c_in, c_out, stride):
        super().__init__(nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False), norm_layer(c_out), nn.GELU())


class SmallNet(nn.Module):
    def __init__(self, classes=6):
        super().__init__()
        self.stem = ConvBNAct(3, 16, 1)
        self.stages = nn.Sequential(ConvBNAct(16, 24, 2), ConvBNAct(24, 32, 2), ConvBNAct(32, 32, 1))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes))

    def forward(self, x):
        return self.head(self.stages(self.stem(x)))


def textures(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 6, (n,), generator=g)
    grid = torch.arange(12).float()
    fx = torch.tensor([0.6, 0.6, 1.4, 1.4, 0.0, 1.0])[y][:, None, None]
    fy = torch.tensor([0.0, 0.9, 0.0, 0.9, 0.7, 1.8])[y][:, None, None]
    wave = torch.sin(fx * grid[None, None, :] + fy * grid[None, :, None] + 6.28 * torch.rand(n, 1, 1, generator=g))
    gain = 0.5 + torch.rand(n, 3, 1, 1, generator=g)
    light = 1.2 * torch.randn(n, 3, 1, 1, generator=g)
    return wave[:, None] * gain + light + 1.9 * torch.randn(n, 3, 12, 12, generator=g), y


torch.manual_seed(90)
x_train, y_train = textures(1800, 1)
x_val, y_val = textures(600, 2)
mu, sd = x_train.mean((0, 2, 3), keepdim=True), x_train.std((0, 2, 3), keepdim=True)
train_loader = DataLoader(TensorDataset((x_train - mu) / sd, y_train), batch_size=8, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset((x_val - mu) / sd, y_val), batch_size=200)

model = SmallNet()
epochs = 6
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(train_loader))
criterion = nn.CrossEntropyLoss()

for epoch in range(epochs):
    model.train()
    running = 0.0
    for images, labels in train_loader:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    model.eval()
    val_loss, right = 0.0, 0
    with torch.no_grad():
        for images, labels in val_loader:
            logits = model(images)
            val_loss += criterion(logits, labels).item() * len(labels)
            right += (logits.argmax(1) == labels).sum().item()
    print(f"epoch {epoch}: train loss {running / len(train_loader):.4f} val loss {val_loss / 600:.4f} val acc {right / 600:.3f}")
