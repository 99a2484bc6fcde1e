# Spectrogram-like patches, few labelled examples, mixup training.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.RandomState(0)
torch.manual_seed(0)

N_CLASS, BANDS, STEPS = 10, 16, 20


def tones(n, seed):
    r = np.random.RandomState(seed)
    y = r.randint(N_CLASS, size=n)
    x = r.normal(0, 0.8, size=(n, 1, BANDS, STEPS))
    base = np.random.RandomState(77).uniform(2, 13, size=N_CLASS)
    slope = np.random.RandomState(78).uniform(-0.4, 0.4, size=N_CLASS)
    for i, k in enumerate(y):
        start = r.randint(0, 8)
        for t in range(12):
            centre = base[k] + slope[k] * t
            x[i, 0, :, start + t] += 1.5 * np.exp(-0.5 * (np.arange(BANDS) - centre) ** 2)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def perturb_mixup(x, y_onehot, alpha):
    """Convex combinations of examples and of their labels."""
    lam = torch.distributions.Beta(alpha, alpha).sample((len(x),))
    perm = torch.randperm(len(x))
    lx = lam.view(-1, 1, 1, 1)
    mixed_x = lx * x + (1 - lx) * x[perm]
    ly = lam.view(-1, 1)
    mixed_y = ly * y_onehot + (1 - ly) * y_onehot[perm]
    return mixed_x, mixed_y


def soft_cross_entropy(logits, target):
    return -(target * F.log_softmax(logits, dim=1)).sum(1).mean()


model = nn.Sequential(
    nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d((1, 2)),
    nn.Conv2d(48, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
    nn.AdaptiveMaxPool2d((8, 1)), nn.Flatten(), nn.Linear(8 * 48, N_CLASS),
)

x_train, y_train = tones(700, 1)
x_test, y_test = tones(800, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
epochs = 24
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=epochs * (len(x_train) // 35))

for epoch in range(1, epochs + 1):
    model.train()
    order = torch.randperm(len(x_train))
    losses = []
    for idx in order.split(35):
        xb, yb = perturb_mixup(x_train[idx], F.one_hot(y_train[idx], N_CLASS).float(), alpha=0.5)
        loss = soft_cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    if epoch % 3 == 0:
        model.eval()
        with torch.no_grad():
            logits = model(x_test)
            clean = model(x_train)
        print('epoch {:2d}  mixup loss {:.3f}  train acc {:.3f}  test acc {:.3f}  test nll {:.3f}'.format(
            epoch, np.mean(losses), (clean.argmax(1) == y_train).float().mean().item(),
            (logits.argmax(1) == y_test).float().mean().item(), F.cross_entropy(logits, y_test).item()))
