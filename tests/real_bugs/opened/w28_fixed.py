import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class LoadImagesAndLabels(Dataset):
    """Crops listed in file-name order: class_00_0000.jpg, class_00_0001.jpg, ..., class_07_0299.jpg"""

    def __init__(self, per_class, classes, seed):
        g = torch.Generator().manual_seed(seed)
        proto = torch.randn(classes, 3, 10, 10, generator=torch.Generator().manual_seed(1))
        self.files = [f"class_{c:02d}_{i:04d}.jpg" for c in range(classes) for i in range(per_class)]
        self.labels = torch.tensor([int(f[6:8]) for f in self.files])
        self.imgs = proto[self.labels] + 1.6 * torch.randn(len(self.files), 3, 10, 10, generator=g)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.imgs[index], self.labels[index]

    @staticmethod
    def collate_fn(batch):
        img, label = zip(*batch)
        return torch.stack(img, 0), torch.stack(label, 0)


class InfiniteDataLoader(DataLoader):
    """Keeps one iterator alive over all epochs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", _RepeatSampler(self.batch_sampler))
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


class _RepeatSampler:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


def create_dataloader(dataset, batch_size, rank=-1, workers=0):
    sampler = torch.utils.data.distributed.DistributedSampler(dataset) if rank != -1 else None
    return InfiniteDataLoader(dataset, batch_size=batch_size, num_workers=workers, sampler=sampler, shuffle=sampler is None,
                              collate_fn=LoadImagesAndLabels.collate_fn)


class Classify(nn.Module):
    def __init__(self, nc):
        super().__init__()
        self.cv1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.SiLU())
        self.cv2 = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.SiLU())
        self.fc = nn.Linear(32 * 25, nc)

    def forward(self, x):
        return self.fc(self.cv2(self.cv1(x)).flatten(1))


def run(epochs=10, batch_size=32, nc=8):
    torch.manual_seed(0)
    train_loader = create_dataloader(LoadImagesAndLabels(300, nc, 2), batch_size)
    val_set = LoadImagesAndLabels(60, nc, 3)
    model = Classify(nc)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    compute_loss = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        mloss = 0.0
        for i, (imgs, targets) in enumerate(train_loader):
            loss = compute_loss(model(imgs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mloss = (mloss * i + loss.item()) / (i + 1)
        model.eval()
        with torch.no_grad():
            out = model(val_set.imgs)
            acc = (out.argmax(1) == val_set.labels).float().mean().item()
            vloss = compute_loss(out, val_set.labels).item()
        print(f"{epoch}/{epochs - 1}  train loss {mloss:.4f}  val loss {vloss:.4f}  val acc {acc:.3f}")


run()
