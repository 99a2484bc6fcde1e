import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

context = {
    "batch_size": 16,
    "num_epochs": 10,
    "initial_lr": 0.003,
    "lr_scheduler": {"step_size": 4, "gamma": 0.3},
    "dropout_rate": 0.1,
    "depth": 2,
}


class SpinalCordSlices(Dataset):
    """Axial slices with a bright ellipse (cord) inside a dark ring (CSF), plus distractor blobs."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(24.), torch.arange(24.), indexing="ij")
        r = lambda lo, hi: lo + (hi - lo) * torch.rand(n, 1, 1, generator=g)
        cy, cx = r(8, 16), r(8, 16)
        a, b = r(2, 4), r(2, 4)
        d = ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2
        self.gt = (d < 1).float().unsqueeze(1)
        img = 0.5 + 0.4 * (d < 1).float() - 0.4 * ((d >= 1) & (d < 2.5)).float()
        for _ in range(4):
            e = (yy - r(0, 24)) ** 2 + (xx - r(0, 24)) ** 2
            img = img + 0.4 * torch.exp(-e / 4)
        self.img = (img + 0.25 * torch.randn(n, 24, 24, generator=g)).unsqueeze(1)

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return {"input": self.img[i], "gt": self.gt[i]}


def conv_block(i, o, p):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Dropout2d(p))


class Unet(nn.Module):
    def __init__(self, drop):
        super().__init__()
        self.d1, self.d2 = conv_block(1, 8, drop), conv_block(8, 16, drop)
        self.mid = conv_block(16, 32, drop)
        self.u2, self.u1 = conv_block(48, 16, drop), conv_block(24, 8, drop)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        m = self.mid(self.pool(b))
        u = self.u2(torch.cat([self.up(m), b], 1))
        return torch.sigmoid(self.head(self.u1(torch.cat([self.up(u), a], 1))))


def dice_loss(pred, gt, smooth=1.0):
    inter = (pred * gt).sum()
    return 1 - (2 * inter + smooth) / (pred.sum() + gt.sum() + smooth)


def cmd_train(context):
    torch.manual_seed(6)
    train_loader = DataLoader(SpinalCordSlices(480, 1), batch_size=context["batch_size"], shuffle=True)
    val_loader = DataLoader(SpinalCordSlices(128, 2), batch_size=64)
    model = Unet(context["dropout_rate"])
    num_epochs = context["num_epochs"]
    optimizer = optim.Adam(model.parameters(), lr=context["initial_lr"])
    scheduler = optim.lr_scheduler.StepLR(optimizer, **context["lr_scheduler"])

    for epoch in range(1, num_epochs + 1):
        lr = optimizer.param_groups[0]["lr"]
        model.train()
        train_loss_total = 0.0
        for batch in train_loader:
            preds = model(batch["input"])
            loss = dice_loss(preds, batch["gt"])
            train_loss_total += loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()

        model.eval()
        val_loss_total = 0.0
        with torch.no_grad():
            for batch in val_loader:
                val_loss_total += dice_loss((model(batch["input"]) > 0.5).float(), batch["gt"]).item()
        print(f"Epoch {epoch} lr {lr:.2e} training loss: {train_loss_total / len(train_loader):.4f} "
              f"validation dice: {1 - val_loss_total / len(val_loader):.4f}")


if __name__ == "__main__":
    cmd_train(context)
