"""A student and its averaged teacher on pictures of which few have labels; the teacher is evaluated."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def pictures(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = 3 + 2 * torch.randn(n, 1, 10, 10, generator=g)
    for k in range(3):
        x[y == k, :, 3 * k:3 * k + 3] += 1.5
    return x, y


def create_model(ema=False):
    model = nn.Sequential(nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3), nn.BatchNorm2d(12),
                          nn.ReLU(), nn.Flatten(), nn.Linear(12 * 36, 3))
    if ema:
        for param in model.parameters():
            param.detach_()
    return model


def update_ema_variables(model, ema_model, alpha, global_step):
    alpha = min(1 - 1 / (global_step + 1), alpha)
    for ema_param, param in zip(ema_model.parameters(), model.parameters()):
        ema_param.data.mul_(alpha).add_(param.data, alpha=1 - alpha)


def main():
    torch.manual_seed(0)
    x, y = pictures(480, 0)
    test_x, test_y = pictures(300, 1)
    model, ema_model = create_model(), create_model(ema=True)
    ema_model.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    step = 0
    for epoch in range(5):
        model.train()
        for batch in torch.randperm(len(x)).split(48):
            noisy = x[batch] + 0.3 * torch.randn_like(x[batch])
            loss = F.cross_entropy(model(noisy)[:24], y[batch][:24])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            update_ema_variables(model, ema_model, 0.95, step)
        with torch.no_grad():
            right = (ema_model(test_x).argmax(1) == test_y).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.3f} teacher {right:.3f}")


if __name__ == "__main__":
    main()
