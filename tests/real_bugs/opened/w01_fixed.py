# Human activity recognition from a waist-worn accelerometer + gyroscope (made-up signals)
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

ACTIVITIES = ['walk', 'upstairs', 'downstairs', 'sit', 'stand', 'lie', 'jog', 'cycle']


def load_data(n, rng):
    labels = rng.integers(0, len(ACTIVITIES), n)
    t = np.arange(64) / 32.0
    freq = np.array([1.6, 1.3, 1.9, 0.1, 0.1, 0.1, 2.6, 1.1])[labels]
    amp = np.array([.7, .7, .8, .05, .08, .05, 1.0, .6])[labels]
    tilt = np.array([0, .4, -.4, .8, .1, 1.4, .1, .5])[labels]
    phase = rng.uniform(0, 2 * np.pi, (n, 6, 1))
    sig = amp[:, None, None] * np.sin(2 * np.pi * freq[:, None, None] * t + phase)
    sig[:, 0] += np.cos(tilt)[:, None]
    sig[:, 1] += np.sin(tilt)[:, None]
    sig += 0.55 * rng.standard_normal(sig.shape)
    return torch.tensor(sig, dtype=torch.float32), torch.tensor(labels)


class Network(nn.Module):
    def __init__(self):
        super(Network, self).__init__()
        self.conv1 = nn.Sequential(nn.Conv1d(6, 16, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2))
        self.conv2 = nn.Sequential(nn.Conv1d(16, 32, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2))
        self.fc1 = nn.Sequential(nn.Linear(32 * 16, 100), nn.ReLU())
        self.fc2 = nn.Linear(100, len(ACTIVITIES))

    def forward(self, x):
        out = self.conv2(self.conv1(x))
        out = out.reshape(-1, 32 * 16)
        out = self.fc2(self.fc1(out))
        return out


def train(model, optimizer, train_loader, test_loader, epochs):
    criterion = nn.CrossEntropyLoss()
    for e in range(epochs):
        model.train()
        correct, total, total_loss = 0, 0, 0
        for sample, target in train_loader:
            output = model(sample)
            loss = criterion(output, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            correct += (output.argmax(1) == target).sum().item()
            total += len(target)
        acc_train = 100.0 * correct / total
        acc_test = test(model, test_loader)
        print('Epoch: [{}/{}], loss: {:.4f}, train acc: {:.2f}%, test acc: {:.2f}%'.format(
            e + 1, epochs, total_loss / len(train_loader), acc_train, acc_test))


@torch.no_grad()
def test(model, test_loader):
    model.eval()
    correct, total = 0, 0
    for sample, target in test_loader:
        correct += (model(sample).argmax(1) == target).sum().item()
        total += len(target)
    return 100.0 * correct / total


if __name__ == '__main__':
    torch.manual_seed(10)
    rng = np.random.default_rng(10)
    train_loader = DataLoader(TensorDataset(*load_data(2000, rng)), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset(*load_data(600, rng)), batch_size=64)
    model = Network()
    optimizer = optim.SGD(params=model.parameters(), lr=0.01, momentum=0.9)
    train(model, optimizer, train_loader, test_loader, epochs=12)
