"""Fine-tune a small intent classifier and keep the checkpoint that scores best on the development set."""
import copy
import random

import torch
from torch import nn

INTENTS = ['weather', 'music', 'alarm', 'news', 'taxi', 'recipe']
WORDS_PER_INTENT, COMMON = 14, 60
VOCAB = COMMON + WORDS_PER_INTENT * len(INTENTS)


def utterance(intent, rng):
    """Mostly common words; some of the intent's own, some of its neighbour's."""
    words = []
    for _ in range(rng.randint(5, 12)):
        u = rng.random()
        if u < 0.62:
            words.append(rng.randrange(COMMON))
        elif u < 0.85:
            words.append(COMMON + intent * WORDS_PER_INTENT + rng.randrange(WORDS_PER_INTENT))
        else:
            other = (intent + rng.choice([1, 2])) % len(INTENTS)
            words.append(COMMON + other * WORDS_PER_INTENT + rng.randrange(WORDS_PER_INTENT))
    return words


def corpus(per_intent, seed):
    rng = random.Random(seed)
    return [(utterance(k, rng), k) for k in range(len(INTENTS)) for _ in range(per_intent)]


def batches(items, size, shuffle=False):
    items = list(items)
    if shuffle:
        random.shuffle(items)
    for i in range(0, len(items), size):
        chunk = items[i:i + size]
        width = max(len(w) for w, _ in chunk)
        ids = torch.full((len(chunk), width), VOCAB)
        for row, (w, _) in enumerate(chunk):
            ids[row, :len(w)] = torch.tensor(w)
        yield ids, torch.tensor([k for _, k in chunk])


class IntentNet(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.emb = nn.Embedding(VOCAB + 1, dim, padding_idx=VOCAB)
        self.conv = nn.Conv1d(dim, 64, 3, padding=1)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(64, len(INTENTS))

    def forward(self, ids):
        h = torch.relu(self.conv(self.emb(ids).transpose(1, 2)))
        h = h.masked_fill((ids == VOCAB).unsqueeze(1), 0).amax(2)
        return self.out(self.drop(h))


class Evaluator:
    def __init__(self, items, batch_size=40):
        self.items, self.batch_size = items, batch_size

    @torch.no_grad()
    def __call__(self, model):
        model.eval()
        for ids, labels in batches(self.items, self.batch_size):
            scores = (model(ids).argmax(1) == labels).float()
        return scores.mean().item()


def main():
    torch.manual_seed(0)
    random.seed(0)
    train, dev, test = corpus(120, 1), corpus(50, 2), corpus(150, 3)
    dev_score, test_score = Evaluator(dev), Evaluator(test, batch_size=900)
    model = IntentNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    best, best_state = -1.0, None
    for epoch in range(1, 26):
        model.train()
        total, n = 0.0, 0
        for ids, labels in batches(train, 24, shuffle=True):
            loss = nn.functional.cross_entropy(model(ids), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, n = total + loss.item(), n + 1
        score = dev_score(model)
        if score > best:
            best, best_state = score, copy.deepcopy(model.state_dict())
        print(f'epoch {epoch:2d}: train loss {total / n:.4f}, dev accuracy {score:.4f}, best {best:.4f}')
    last = test_score(model)
    model.load_state_dict(best_state)
    print(f'test accuracy: kept checkpoint {test_score(model):.4f}, last epoch {last:.4f}')


main()
