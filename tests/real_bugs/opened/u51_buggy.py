"""CIFAR-like colour classification from an in-memory array with on-the-fly preprocessing."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

MEAN = np.array([0.45, 0.45, 0.45], dtype=np.float32)
STD = np.array([0.2, 0.2, 0.2], dtype=np.float32)


class ColourSet(Dataset):
    def __init__(self, n, split, seed):
        rng = np.random.default_rng(seed)
        self.split = split
        self.labels = rng.integers(0, 4, n)
        hue = np.array([[0.55, 0.4, 0.4], [0.4, 0.55, 0.4], [0.4, 0.4, 0.55], [0.5, 0.5, 0.35]], dtype=np.float32)
        noise = rng.normal(0, 0.2, (n, 3, 10, 10)).astype(np.float32)
        self.inputs = np.clip(hue[self.labels][:, :, None, None] + noise, 0, 1)

    def prepare(self, im):
        for c in range(3):
            im[c] -= MEAN[c]
            im[c] /= STD[c]
        if self.split == "train" and np.random.rand() < 0.5:
            im = im[:, :, ::-1].copy()
        return im

    def __getitem__(self, index):
        im, label = self.inputs[index, ...], self.labels[index]
        return torch.from_numpy(self.prepare(im)), int(label)

    def __len__(self):
        return len(self.labels)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))


def epoch_pass(net, loader, loss_fn, opt=None):
    net.train(opt is not None)
    loss_sum, wrong = 0.0, 0
    for x, y in loader:
        with torch.set_grad_enabled(opt is not None):
            out = net(x)
            loss = loss_fn(out, y)
        if opt is not None:
            opt.zero_grad()
            loss.backward()
            opt.step()
        loss_sum += loss.item() * len(y)
        wrong += (out.argmax(1) != y).sum().item()
    return loss_sum / len(loader.dataset), 100 * wrong / len(loader.dataset)


if __name__ == "__main__":
    np.random.seed(240)
    torch.manual_seed(240)
    train_loader = DataLoader(ColourSet(1200, "train", 1), batch_size=60, shuffle=True)
    test_loader = DataLoader(ColourSet(300, "test", 2), batch_size=100)
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(6):
        tr = epoch_pass(net, train_loader, nn.CrossEntropyLoss(), opt)
        te = epoch_pass(net, test_loader, nn.CrossEntropyLoss())
        print(f"epoch {epoch + 1}: train loss {tr[0]:.4f} err {tr[1]:.1f}%  test loss {te[0]:.4f} err {te[1]:.1f}%")
