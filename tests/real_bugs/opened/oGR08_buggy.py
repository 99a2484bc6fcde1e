"""Self-attention sorts out which of the tokens in a sentence decides its class."""
import torch
import torch.nn as nn

D_MODEL, HEADS = 24, 3


class MultiHeadAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_Q, self.W_K = nn.Linear(D_MODEL, D_MODEL), nn.Linear(D_MODEL, D_MODEL)
        self.W_V = nn.Linear(D_MODEL, D_MODEL)
        self.norm = nn.LayerNorm(D_MODEL)

    def heads(self, x):
        return x.view(len(x), -1, HEADS, D_MODEL // HEADS).transpose(1, 2)

    def forward(self, x):
        q, k, v = (self.heads(w(x)) for w in (self.W_Q, self.W_K, self.W_V))
        weights = torch.softmax(q @ k.transpose(-1, -2) / (D_MODEL // HEADS) ** 0.5, -1)
        context = (weights @ v).transpose(1, 2).reshape(len(x), -1, D_MODEL)
        output = nn.Linear(D_MODEL, D_MODEL)(context)
        return self.norm(x + output)


class Classifier(nn.Module):
    def __init__(self, vocabulary=30, classes=3):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, D_MODEL)
        self.attention, self.head = MultiHeadAttention(), nn.Linear(D_MODEL, classes)

    def forward(self, ids):
        return self.head(self.attention(self.embed(ids)).mean(1))


def sentences(count):
    ids = torch.randint(3, 30, (count, 8))
    y = torch.randint(3, (count,))
    ids[torch.arange(count), torch.randint(8, (count,))] = y
    return ids, y


torch.manual_seed(0)
(x, y), (x_test, y_test) = sentences(900), sentences(300)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    for rows in torch.randperm(len(x)).split(45):
        optimizer.zero_grad()
        loss = criterion(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, f"{loss.item():.4f}", (model(x_test).argmax(1) == y_test).float().mean().item())
