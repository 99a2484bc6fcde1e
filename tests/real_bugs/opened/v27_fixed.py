"""Multi-task ray head in mixed precision: depth and direction of 24 rays from a scene code."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

RAYS, CODE = 24, 8
AMP_DTYPE = torch.bfloat16


class RayHead(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(CODE, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.depth_branch, self.ray_branch = nn.Linear(width, width), nn.Linear(width, width)
        self.depth, self.ray = nn.Linear(width, RAYS), nn.Linear(width, 2 * RAYS)

    def forward(self, x):
        h = self.trunk(x)
        depth = self.depth(F.silu(self.depth_branch(h)))
        ray = self.ray(F.silu(self.ray_branch(h)))
        return depth, ray.view(len(x), RAYS, 2)


class MultiTaskLoss(nn.Module):
    def __init__(self, ray_weight=5e-4):
        super().__init__()
        self.ray_weight = ray_weight

    def forward(self, depth, ray, depth_gt, ray_gt):
        depth_loss = F.mse_loss(depth.float(), depth_gt)
        ray_loss = (1 - F.cosine_similarity(ray.float(), ray_gt, dim=-1)).mean()
        return depth_loss + self.ray_weight * ray_loss, depth_loss, ray_loss


def scenes(n, seed):
    g = torch.Generator().manual_seed(seed)
    world = torch.Generator().manual_seed(270)
    a = torch.randn(CODE, RAYS, generator=world) / CODE ** 0.5
    b = torch.randn(CODE, RAYS, generator=world) / CODE ** 0.5
    x = torch.randn(n, CODE, generator=g)
    depth = torch.sin(1.5 * x @ a)
    angle = 1.2 * torch.tanh(x @ b) + torch.linspace(-1, 1, RAYS)
    return x, depth, torch.stack([angle.cos(), angle.sin()], dim=-1)


def main():
    torch.manual_seed(271)
    loader = DataLoader(TensorDataset(*scenes(4000, 1)), batch_size=128, shuffle=True)
    xv, depth_v, ray_v = scenes(600, 2)
    model, criterion = RayHead(), MultiTaskLoss()
    epochs = 12
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, depth_gt, ray_gt in loader:
            with torch.autocast("cpu", dtype=AMP_DTYPE):
                depth, ray = model(x)
            loss, _, _ = criterion(depth, ray, depth_gt, ray_gt)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=AMP_DTYPE):
            depth, ray = model(xv)
        _, d, r = criterion(depth, ray, depth_v, ray_v)
        print(f"epoch {epoch:2d} train {total / len(loader):.5f} val depth mse {d.item():.4f} val ray error {r.item():.5f}")


if __name__ == "__main__":
    main()
