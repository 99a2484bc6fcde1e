# Retention time prediction for peptides with an LSTM (sequences and times are simulated)
import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset

AMINO = "ACDEFGHIKLMNPQRSTVWY"
rng = np.random.default_rng(42)
torch.manual_seed(42)

HYDRO = dict(zip(AMINO, rng.normal(0, 1, len(AMINO))))


def random_peptide():
    return "".join(rng.choice(list(AMINO), size=rng.integers(7, 21)))


def retention_time(seq):
    core = sum(HYDRO[a] for a in seq)
    ends = 1.5 * HYDRO[seq[0]] + 0.8 * HYDRO[seq[-1]]
    return 40 + 4.0 * core + 2.0 * ends + rng.normal(0, 1.0)


peptides = [random_peptide() for _ in range(2400)]
times = np.array([retention_time(p) for p in peptides]).reshape(-1, 1)
scaler = StandardScaler().fit(times[:1800])
targets = scaler.transform(times).astype(np.float32)


class PeptideDataset(Dataset):
    def __init__(self, seqs, ys):
        self.x = np.zeros((len(seqs), 20), dtype=np.int64)
        for i, s in enumerate(seqs):
            self.x[i, :len(s)] = [AMINO.index(a) + 1 for a in s]
        self.y = ys

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class RTModel(nn.Module):
    def __init__(self, emb=16, hidden=48):
        super().__init__()
        self.embedding = nn.Embedding(len(AMINO) + 1, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Linear(2 * hidden, 32), nn.ReLU(), nn.Dropout(0.1))
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return self.out(self.dense(h.mean(1)))


train_dl = DataLoader(PeptideDataset(peptides[:1800], targets[:1800]), batch_size=64, shuffle=True)
val_dl = DataLoader(PeptideDataset(peptides[1800:], targets[1800:]), batch_size=200)

model = RTModel()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(14):
    model.train()
    train_loss = 0.0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_dl)
    model.eval()
    with torch.no_grad():
        pred = np.concatenate([model(x).numpy() for x, _ in val_dl])
    pred_min = scaler.inverse_transform(pred)
    mae = np.abs(pred_min - times[1800:]).mean()
    r = np.corrcoef(pred_min[:, 0], times[1800:, 0])[0, 1] if pred_min.std() > 0 else float("nan")
    print(f"Epoch {epoch + 1:02d} | train MSE {train_loss:.4f} | val MAE {mae:.2f} min | r {r:.3f}")
