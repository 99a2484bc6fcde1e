"""Is a review good or bad? An LSTM whose last state is read, in the manner of a course."""
import torch
import torch.nn as nn
import torch.optim as optim

PAD_IDX, UNK_IDX = 1, 0


def reviews(n, generator):
    """Words 2-11 praise, 12-21 complain, the rest says nothing; what is said last counts most."""
    texts, labels = [], []
    for _ in range(n):
        length = int(torch.randint(4, 31, (1,), generator=generator))
        words = torch.randint(22, 70, (length,), generator=generator)
        good = int(torch.randint(2, (1,), generator=generator))
        at = torch.randperm(length, generator=generator)[:3]
        words[at] = torch.randint(2, 12, (len(at),), generator=generator) + 10 * (1 - good)
        texts.append(words)
        labels.append(float(good))
    return texts, torch.tensor(labels)


def batches(texts, labels, size, generator):
    """(words, lengths, labels), time first, longest review first."""
    order = torch.randperm(len(texts), generator=generator)
    for start in range(0, len(texts), size):
        index = sorted(order[start:start + size].tolist(), key=lambda i: -len(texts[i]))
        text = nn.utils.rnn.pad_sequence([texts[i] for i in index], batch_first=True,
                                         padding_value=PAD_IDX)
        yield text, torch.tensor([len(texts[i]) for i in index]), labels[index]


class RNN(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, output_dim, pad_idx):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_idx)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.fc = nn.Linear(hidden_dim, output_dim)
        self.dropout = nn.Dropout(0.2)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        packed_embedded = nn.utils.rnn.pack_padded_sequence(embedded, text_lengths, batch_first=True)
        output, (hidden, cell) = self.rnn(packed_embedded)
        return self.fc(self.dropout(hidden[-1]))


torch.manual_seed(1234)
g = torch.Generator().manual_seed(5)
train_texts, train_labels = reviews(900, g)
valid_texts, valid_labels = reviews(200, g)
model = RNN(70, 24, 32, 1, PAD_IDX)
optimizer = optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.BCEWithLogitsLoss()


def binary_accuracy(preds, y):
    return ((preds > 0).float() == y).float().mean().item()


for epoch in range(4):
    model.train()
    for text, lengths, label in batches(train_texts, train_labels, 50, g):
        optimizer.zero_grad()
        loss = criterion(model(text, lengths).squeeze(1), label)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        text, lengths, label = next(batches(valid_texts, valid_labels, 200, g))
        acc = binary_accuracy(model(text, lengths).squeeze(1), label)
    print(f"Epoch: {epoch + 1:02} | Train Loss: {loss.item():.3f} | Val. Acc: {acc * 100:.2f}%")
