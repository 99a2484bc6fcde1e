"""Frame-wise onset and pitch detection from toy spectrogram frames."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

SEED = 8
np.random.seed(SEED)
torch.manual_seed(SEED)


class PianoRolls:
    def __init__(self, n, frames=60, pitches=8, bins=24):
        self.roll = np.zeros((n, frames, pitches), np.float32)
        self.onset = np.zeros_like(self.roll)
        for s in range(n):
            for _ in range(np.random.randint(6, 14)):
                p, t, d = np.random.randint(pitches), np.random.randint(frames - 5), np.random.randint(4, 20)
                self.roll[s, t:t + d, p] = 1
                self.onset[s, t, p] = 1
        basis = np.random.RandomState(1).rand(pitches, bins) ** 6
        decay = self.roll * np.random.lognormal(0, 1.0, (n, 1, 1))
        self.mel = (decay @ basis + 0.1 * np.random.randn(n, frames, bins)).astype(np.float32)

    def batches(self, size):
        order = np.random.permutation(len(self.mel))
        for k in range(0, len(order), size):
            i = order[k:k + size]
            yield (torch.from_numpy(self.mel[i]), torch.from_numpy(self.onset[i]), torch.from_numpy(self.roll[i]))


class OnsetsAndFrames(nn.Module):
    def __init__(self, bins=24, pitches=8, hidden=48):
        super().__init__()
        self.onset_rnn = nn.RNN(bins, hidden, batch_first=True, nonlinearity="relu")
        self.onset_fc = nn.Linear(hidden, pitches)
        self.frame_rnn = nn.RNN(bins + pitches, hidden, batch_first=True, nonlinearity="relu")
        self.frame_fc = nn.Linear(hidden, pitches)
        for rnn in (self.onset_rnn, self.frame_rnn):
            nn.init.eye_(rnn.weight_hh_l0)

    def forward(self, mel):
        onset = self.onset_fc(self.onset_rnn(mel)[0])
        frame = self.frame_fc(self.frame_rnn(torch.cat([mel, onset.detach().sigmoid()], -1))[0])
        return onset, frame

    def run_on_batch(self, mel, onset, frame):
        po, pf = self(mel)
        return {"loss/onset": F.binary_cross_entropy_with_logits(po, onset),
                "loss/frame": F.binary_cross_entropy_with_logits(pf, frame)}, pf


def f1(logits, target):
    pred = logits > 0
    tp = (pred & (target > 0)).sum().item()
    return 2 * tp / max(pred.sum().item() + int(target.sum().item()), 1)


def train(iterations_per_print=30, epochs=10, learning_rate=0.02, clip_gradient_norm=0.5):
    train_set, val_set = PianoRolls(480), PianoRolls(96)
    model = OnsetsAndFrames()
    optimizer = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)
    i = 0
    for _ in range(epochs):
        for mel, onset, frame in train_set.batches(16):
            losses, _ = model.run_on_batch(mel, onset, frame)
            loss = sum(losses.values())
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(model.parameters(), clip_gradient_norm)
            optimizer.step()
            i += 1
            if i % iterations_per_print == 0:
                model.eval()
                with torch.no_grad():
                    res = [model.run_on_batch(*b) + (b[2],) for b in val_set.batches(48)]
                    val = np.mean([sum(r[0].values()).item() for r in res])
                    score = np.mean([f1(r[1], r[2]) for r in res])
                model.train()
                print(f"iter {i:4d} loss {loss.item():.4f} val loss {val:.4f} frame F1 {score:.4f}")


train()
