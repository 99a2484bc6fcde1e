# Fine-tune a small BiLSTM + attention sentence model for binary sentiment
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
np.random.seed(7)
VOCAB, MAXLEN = 300, 16


class Attention(nn.Module):
    def __init__(self, size):
        super(Attention, self).__init__()
        self.attention_vector = nn.Parameter(torch.empty(size).normal_(std=0.05))

    def forward(self, inputs, mask):
        logits = inputs.matmul(self.attention_vector)
        unnorm = (logits - logits.max()).exp() * mask
        att = unnorm / unnorm.sum(dim=1, keepdim=True)
        return (inputs * att.unsqueeze(-1)).sum(dim=1)


class EmojiNet(nn.Module):
    def __init__(self, nb_classes=1, return_tensor=True):
        super(EmojiNet, self).__init__()
        self.return_tensor = return_tensor
        self.embed = nn.Embedding(VOCAB, 32, padding_idx=0)
        self.lstm_0 = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.attention_layer = Attention(64 + 32)
        self.output_layer = nn.Sequential(nn.Dropout(0.2), nn.Linear(96, nb_classes))

    def forward(self, input_seqs):
        mask = (input_seqs > 0).float()
        x = torch.tanh(self.embed(input_seqs))
        h, _ = self.lstm_0(x)
        outputs = self.attention_layer(torch.cat([h, x], dim=2), mask)
        outputs = self.output_layer(outputs).squeeze(1)
        return outputs


def comments(n):
    polarity = np.random.RandomState(11).choice([-1, 0, 0, 0, 1], VOCAB)
    x = np.zeros((n, MAXLEN), dtype=np.int64)
    for row in x:
        k = np.random.randint(6, MAXLEN + 1)
        row[:k] = np.random.randint(1, VOCAB, k)
    score = polarity[x].sum(1) + 0.7 * np.random.randn(n)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy((score > 0).astype(np.float32)))


def calculate_accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        return np.mean(np.concatenate([((model(x) > 0).float() == y).numpy() for x, y in loader]))


def fit_model(model, loss_op, optim_op, train_gen, val_gen, epochs):
    for epoch in range(1, epochs + 1):
        model.train()
        for X_train, y_train in train_gen:
            optim_op.zero_grad()
            output = model(X_train)
            loss = loss_op(output, y_train)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optim_op.step()
        model.eval()
        with torch.no_grad():
            val_loss = np.mean([loss_op(model(x), y).item() for x, y in val_gen])
        print("%2d Epoch  val acc %.2f  val loss %.5f" % (epoch, 100 * calculate_accuracy(model, val_gen), val_loss))


train_gen = DataLoader(comments(3000), batch_size=32, shuffle=True)
val_gen = DataLoader(comments(600), batch_size=100)
model = EmojiNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
fit_model(model, nn.BCEWithLogitsLoss(), optimizer, train_gen, val_gen, epochs=8)
