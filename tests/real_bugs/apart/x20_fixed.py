"""Late fusion of two modalities (audio features and a token sequence), with validation and early stopping."""
import copy

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_split(n, seed, batch, shuffle):
    rng = np.random.RandomState(seed)
    y = rng.randint(5, size=n)
    world = np.random.RandomState(123)
    audio_proto = world.normal(size=(5, 30)) * 0.55
    token_prob = world.dirichlet(np.ones(40) * 0.5, size=5)
    audio = audio_proto[y] + rng.normal(size=(n, 30))
    tokens = np.stack([rng.choice(40, 12, p=0.45 * token_prob[k] + 0.55 / 40) for k in y])
    ds = TensorDataset(torch.tensor(audio, dtype=torch.float32), torch.tensor(tokens), torch.tensor(y))
    return DataLoader(ds, batch_size=batch, shuffle=shuffle)


class AudioEncoder(nn.Module):
    def __init__(self, out=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(30, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(0.5), nn.Linear(96, out))

    def forward(self, x):
        return self.net(x)


class TextEncoder(nn.Module):
    def __init__(self, out=48):
        super().__init__()
        self.emb = nn.Embedding(40, 32)
        self.gru = nn.GRU(32, out, batch_first=True)
        self.drop = nn.Dropout(0.5)

    def forward(self, t):
        return self.drop(self.gru(self.drop(self.emb(t)))[1][0])


class MMDL(nn.Module):
    def __init__(self, encoders, fusion, head):
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.fuse, self.head = fusion, head

    def forward(self, inputs):
        return self.head(self.fuse([e(x) for e, x in zip(self.encoders, inputs)]))


class Concat(nn.Module):
    def forward(self, parts):
        return torch.cat(parts, dim=1)


def train(encoders, fusion, head, train_loader, valid_loader, total_epochs, lr, patience=6):
    model = MMDL(encoders, fusion, head)
    op = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss()
    best, waited, saved = 1e9, 0, None
    for epoch in range(total_epochs):
        model.train()
        totalloss, totals = 0.0, 0
        for *inputs, target in train_loader:
            op.zero_grad()
            loss = criterion(model(inputs), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 8)
            op.step()
            totalloss += loss.item() * len(target)
            totals += len(target)
        print(f'Epoch {epoch} train loss: {totalloss / totals:.4f}')

        model.eval()
        with torch.no_grad():
            totalloss, correct, n = 0.0, 0, 0
            for *inputs, target in valid_loader:
                out = model(inputs)
                totalloss += criterion(out, target).item() * len(target)
                correct += (out.argmax(1) == target).sum().item()
                n += len(target)
        valloss = totalloss / n
        print(f'Epoch {epoch} valid loss: {valloss:.4f} acc: {correct / n:.4f}')
        if valloss < best:
            best, waited, saved = valloss, 0, copy.deepcopy(model.state_dict())
        else:
            waited += 1
            if waited > patience:
                break
    model.load_state_dict(saved)
    return model


def test(model, loader):
    model.eval()
    with torch.no_grad():
        right = sum((model(inputs).argmax(1) == target).sum().item() for *inputs, target in loader)
    return right / len(loader.dataset)


if __name__ == '__main__':
    torch.manual_seed(0)
    traindata = make_split(1200, 1, 40, True)
    validdata = make_split(500, 2, 20, False)
    testdata = make_split(1500, 3, 100, False)
    head = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))
    model = train([AudioEncoder(), TextEncoder()], Concat(), head, traindata, validdata, total_epochs=25, lr=1e-3)
    print(f'test accuracy {test(model, testdata):.4f}')
