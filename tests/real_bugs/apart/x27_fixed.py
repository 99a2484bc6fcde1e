# ---
# Birds or planes? (chapter exercise, exported from the notebook)
# ---
import datetime

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(123)


# In[1]: pictures
def draw(n):
    """Planes: straight body and wings. Birds: bent wings. Random pose, sky and noise."""
    g = torch.linspace(-1, 1, 24)
    yy, xx = torch.meshgrid(g, g, indexing='ij')
    labels = torch.randint(2, (n,))
    angle = (torch.rand(n) - 0.5)[:, None, None]
    cx, cy = ((torch.rand(2, n) - 0.5) * 0.6)[:, :, None, None]
    u = (xx - cx) * torch.cos(angle) + (yy - cy) * torch.sin(angle)
    v = (yy - cy) * torch.cos(angle) - (xx - cx) * torch.sin(angle)
    body = (u / 0.12) ** 2 + (v / 0.45) ** 2 < 1
    bend = (0.25 + 0.35 * torch.rand(n)) * labels
    wing_line = v + bend[:, None, None] * (u.abs() - 0.3)
    wings = (wing_line.abs() < 0.09) & (u.abs() < 0.7)
    thing = (body | wings).float()
    colour = torch.rand(n, 3, 1, 1) * 0.6
    sky = torch.tensor([0.4, 0.6, 0.9]).view(1, 3, 1, 1) + 0.15 * torch.randn(n, 1, 1, 1)
    img = sky * (1 - thing[:, None]) + colour * thing[:, None]
    return (img + 0.22 * torch.randn(n, 3, 24, 24) - 0.5) / 0.3, labels


train_x, train_y = draw(1500)
val_x, val_y = draw(500)


# In[2]: the deep network
class ResBlock(nn.Module):
    def __init__(self, n_chans):
        super().__init__()
        self.conv = nn.Conv2d(n_chans, n_chans, kernel_size=3, padding=1, bias=False)
        self.batch_norm = nn.BatchNorm2d(num_features=n_chans)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity='relu')
        nn.init.constant_(self.batch_norm.weight, 0.5)
        nn.init.zeros_(self.batch_norm.bias)

    def forward(self, x):
        out = self.conv(x)
        out = self.batch_norm(out)
        out = torch.relu(out)
        return out + x


class NetResDeep(nn.Module):
    def __init__(self, n_chans1=16, n_blocks=8):
        super().__init__()
        self.n_chans1 = n_chans1
        self.conv1 = nn.Conv2d(3, n_chans1, kernel_size=3, padding=1)
        self.resblocks = nn.Sequential(
            *[ResBlock(n_chans=n_chans1) for _ in range(n_blocks)])
        self.fc1 = nn.Linear(6 * 6 * n_chans1, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        out = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        out = self.resblocks(out)
        out = F.max_pool2d(out, 2)
        out = out.view(-1, 6 * 6 * self.n_chans1)
        out = torch.relu(self.fc1(out))
        return self.fc2(out)


# In[3]: training
def validate(model, **sets):
    model.eval()
    with torch.no_grad():
        for name, (x, y) in sets.items():
            out = torch.cat([model(b) for b in x.split(250)])
            print('  {}: loss {:.3f}, accuracy {:.3f}'.format(
                name, F.cross_entropy(out, y), (out.argmax(1) == y).float().mean()))


model = NetResDeep()
print('parameters:', sum(p.numel() for p in model.parameters()))
optimizer = optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(1, 9):
    model.train()
    loss_train = 0.0
    batches = torch.randperm(len(train_x)).split(50)
    for idx in batches:
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_train += loss.item()
    print('{} Epoch {}, Training loss {:.4f}'.format(datetime.datetime.now().strftime('%H:%M:%S'), epoch,
                                                     loss_train / len(batches)))
    validate(model, train=(train_x, train_y), val=(val_x, val_y))
