"""An LSTM encoder and decoder with teacher forcing and padding; reverses digits. Time comes first."""
import torch
from torch import nn

PAD, BOS = 10, 11


class Seq2Seq(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.embed = nn.Embedding(12, width, padding_idx=PAD)
        self.encoder, self.decoder = nn.LSTM(width, width), nn.LSTM(width, width)
        self.out = nn.Linear(width, 12)

    def forward(self, src, tgt):
        _, state = self.encoder(self.embed(src))
        h, _ = self.decoder(self.embed(tgt), state)
        return self.out(h)


def batch(n=32, longest=6):
    src, tgt = torch.full((longest, n), PAD), torch.full((longest + 1, n), PAD)
    tgt[0] = BOS
    for i in range(n):
        k = int(torch.randint(3, longest + 1, ()))
        word = torch.randint(10, (k,))
        src[:k, i], tgt[1:k + 1, i] = word, word.flip(0)
    return src, tgt


torch.manual_seed(0)
model = Seq2Seq()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(150):
    src, tgt = batch()
    out = model(src, tgt[:-1])
    loss = criterion(out.reshape(-1, 12), tgt[1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step} loss {loss.item():.3f}")
