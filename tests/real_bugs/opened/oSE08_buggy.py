"""Where does a walk go next? A transformer over the last places that somebody visited."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PLACES, STEPS = 24, 10


def walks(count, seed):
    """Each walk follows its own stride along a ring of places; what counts is the order."""
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(PLACES, (count, 1), generator=g)
    stride = torch.tensor([1, 3, 5, 7])[torch.randint(4, (count, 1), generator=g)]
    walk = (start + stride * torch.arange(STEPS + 1)) % PLACES
    return TensorDataset(walk[:, :-1], walk[:, -1])


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=500):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(1))

    def forward(self, x):
        x = x + self.pe[:x.size(0)]
        return self.dropout(x)


class NextPlace(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.place = nn.Embedding(PLACES, d_model)
        self.pos_encoder = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, 0.0, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, PLACES)

    def forward(self, src):
        src = self.place(src) * math.sqrt(32)
        src = self.pos_encoder(src)
        return self.decoder(self.transformer_encoder(src).mean(1))


if __name__ == "__main__":
    torch.manual_seed(0)
    train, val = DataLoader(walks(1200, 0), 60, shuffle=True), DataLoader(walks(300, 1), 60)
    model = NextPlace()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(5):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(-1) == y).sum().item() for x, y in val) / 300
        print(f"epoch {epoch}: loss {loss.item():.3f}, top-1 {acc:.3f}")
