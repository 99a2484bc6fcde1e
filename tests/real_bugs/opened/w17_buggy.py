"""Feed-forward transformer that maps phoneme ids to mel frames (toy data)."""
import math

import numpy as np
import torch
import torch.nn as nn


class hp:
    vocab = 40
    n_mel = 20
    max_len = 24
    d_model = 64
    n_head = 4
    n_layer = 3
    batch_size = 32
    steps = 280
    learning_rate = 2e-2
    grad_clip_thresh = 1.0
    log_step = 40


class FFT(nn.Module):
    def __init__(self):
        super().__init__()
        self.src_emb = nn.Embedding(hp.vocab, hp.d_model)
        pos = torch.arange(hp.max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, hp.d_model, 2) * (-math.log(10000.0) / hp.d_model))
        pe = torch.zeros(hp.max_len, hp.d_model)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)
        layer = nn.TransformerEncoderLayer(hp.d_model, hp.n_head, 2 * hp.d_model, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, hp.n_layer)
        self.mel_linear = nn.Linear(hp.d_model, hp.n_mel)

    def forward(self, seq):
        return self.mel_linear(self.layers(self.src_emb(seq) + self.pe))


class FastSpeechLoss(nn.Module):
    def forward(self, mel, mel_target):
        return torch.mean(torch.abs(mel - mel_target)), torch.mean((mel - mel_target) ** 2)


class MelSimulator:
    def __init__(self, seed):
        rng = np.random.default_rng(12)
        self.own = torch.tensor(rng.normal(size=(hp.vocab, hp.n_mel)), dtype=torch.float32)
        self.left = torch.tensor(rng.normal(size=(hp.vocab, hp.n_mel)) * 0.7, dtype=torch.float32)
        self.gen = torch.Generator().manual_seed(seed)

    def __call__(self, n):
        seq = torch.randint(0, hp.vocab, (n, hp.max_len), generator=self.gen)
        mel = self.own[seq] + self.left[seq.roll(1, 1)]
        mel = mel * (1 + 0.3 * torch.sin(torch.arange(hp.max_len) / 4.0)).view(1, -1, 1)
        return seq, mel + 0.1 * torch.randn(mel.shape, generator=self.gen)


def main():
    torch.manual_seed(21)
    model, criterion = FFT(), FastSpeechLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=hp.learning_rate, betas=(0.9, 0.98), eps=1e-9)
    data, heldout = MelSimulator(1), MelSimulator(2)(200)
    print("Number of parameters:", sum(p.numel() for p in model.parameters()))
    history = []
    for step in range(1, hp.steps + 1):
        model.train()
        seq, target = data(hp.batch_size)
        mae, mse = criterion(model(seq), target)
        loss = mae + mse
        history.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), hp.grad_clip_thresh)
        optimizer.step()
        if step % hp.log_step == 0:
            model.eval()
            with torch.no_grad():
                v_mae, v_mse = criterion(model(heldout[0]), heldout[1])
            print(f"Step [{step}/{hp.steps}] loss {np.mean(history[-hp.log_step:]):.4f} "
                  f"val mae {v_mae:.4f} val mse {v_mse:.4f}")


if __name__ == "__main__":
    main()
