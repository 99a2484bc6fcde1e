"""Sentence vectors: a transformer encoder, the mean over its states, and a topic classifier."""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

TOPICS = ["weather", "sport", "food"]
random.seed(0)


class Tokenizer:
    pad_token_id = 0

    def __init__(self, size=80):
        self.size = size

    def pad(self, rows):
        longest = max(map(len, rows))
        ids = torch.tensor([row + [self.pad_token_id] * (longest - len(row)) for row in rows])
        return ids, (ids != self.pad_token_id).long()


def sentence():
    topic = random.randrange(3)
    length = random.choice([3, 4, 5, 6, 20, 24])
    # a third of the words belong to the topic, the rest to all of them
    return [random.randint(1 + 10 * topic, 10 + 10 * topic) if random.random() < 0.34
            else random.randint(31, 79) for _ in range(length)], topic


class Encoder(nn.Module):
    def __init__(self, vocabulary, width=32):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.positions = nn.Embedding(32, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, ids, mask):
        h = self.embeddings(ids) + self.positions(torch.arange(ids.shape[1]))
        return self.layers(h, src_key_padding_mask=mask == 0)


class TopicModel(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.encoder = Encoder(vocabulary)
        self.head = nn.Linear(32, len(TOPICS))

    def forward(self, ids, mask):
        states = self.encoder(ids, mask)
        words = mask.unsqueeze(-1).float()
        vector = (states * words).sum(dim=1) / words.sum(dim=1)
        return self.head(vector)


def main():
    torch.manual_seed(0)
    tokenizer = Tokenizer()

    def collate(batch):
        ids, mask = tokenizer.pad([words for words, _ in batch])
        return ids, mask, torch.tensor([y for _, y in batch])

    train = DataLoader([sentence() for _ in range(900)], 30, shuffle=True, collate_fn=collate)
    test = DataLoader([sentence() for _ in range(240)], 30, collate_fn=collate)
    model = TopicModel(tokenizer.size)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for epoch in range(4):
        model.train()
        for ids, mask, y in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(ids, mask), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum(int((model(i, m).argmax(1) == y).sum()) for i, m, y in test)
        print(epoch, f"train loss {loss.item():.3f}", f"test {right / 240:.3f}")


if __name__ == "__main__":
    main()
