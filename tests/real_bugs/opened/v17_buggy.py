"""Semantic segmentation of layered scenes; images and label maps are resized to the network's input size."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

CLASSES, RAW, SIZE = 5, 26, 16


class Scenes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.images, self.masks = [], []
        colours = torch.randn(CLASSES, 3, generator=torch.Generator().manual_seed(170))
        for _ in range(n):
            mask = torch.zeros(RAW, RAW, dtype=torch.long)
            for c in torch.randperm(CLASSES - 1, generator=g)[:3] + 1:
                h, w = torch.randint(6, 14, (2,), generator=g).tolist()
                top, left = torch.randint(0, RAW - 6, (2,), generator=g).tolist()
                mask[top:top + h, left:left + w] = c
            image = colours[mask].permute(2, 0, 1) + 0.6 * torch.randn(3, RAW, RAW, generator=g)
            self.images.append(image)
            self.masks.append(mask)

    def resize(self, tensor, mode):
        extra = {} if mode == "nearest" else {"align_corners": False}
        return F.interpolate(tensor[None].float(), size=(SIZE, SIZE), mode=mode, **extra)[0]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.resize(self.images[i], "bilinear")
        mask = self.resize(self.masks[i][None], "bilinear")[0].round().long()
        return image, mask


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.enc1, self.enc2 = block(3, 16), block(16, 32)
        self.dec = block(48, 16)
        self.out = nn.Conv2d(16, CLASSES, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        return self.out(self.dec(torch.cat([a, F.interpolate(b, scale_factor=2.0)], dim=1)))


def iou_per_class(pred, target):
    res = []
    for c in range(CLASSES):
        union = ((pred == c) | (target == c)).sum().item()
        res.append(((pred == c) & (target == c)).sum().item() / max(1, union))
    return res


def main():
    torch.manual_seed(171)
    train_loader = DataLoader(Scenes(500, 1), batch_size=20, shuffle=True)
    val_loader = DataLoader(Scenes(120, 2), batch_size=60)
    model = TinyUNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    for epoch in range(12):
        model.train()
        total = 0.0
        for image, mask in train_loader:
            loss = F.cross_entropy(model(image), mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            pairs = [(model(image).argmax(1), mask) for image, mask in val_loader]
        iou = iou_per_class(torch.cat([p for p, _ in pairs]), torch.cat([m for _, m in pairs]))
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} iou " + " ".join(f"{v:.3f}" for v in iou))


if __name__ == "__main__":
    main()
