"""Sequence labelling: token encoder + linear-chain CRF, separate learning rates for the parts."""
import logging

import numpy as np
import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format='%(message)s')
logger = logging.getLogger('ner')

VOCAB, LABELS, LENGTH = 60, 6, 18


def sample_corpus(n, seed):
    """Labels follow a chain with strong preferences; words are only loosely tied to labels."""
    lang = np.random.RandomState(7)
    chain = lang.dirichlet(np.full(LABELS, 0.15), size=LABELS)
    emit = lang.dirichlet(np.full(VOCAB, 0.12), size=LABELS)
    emit = 0.5 * emit + 0.5 * emit.mean(0)
    rng = np.random.RandomState(seed)
    words, tags = np.zeros((n, LENGTH), np.int64), np.zeros((n, LENGTH), np.int64)
    for s in range(n):
        t = rng.randint(LABELS)
        for k in range(LENGTH):
            tags[s, k] = t
            words[s, k] = rng.choice(VOCAB, p=emit[t])
            t = rng.choice(LABELS, p=chain[t])
    return torch.from_numpy(words), torch.from_numpy(tags)


class CRF(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.start = nn.Parameter(torch.empty(n).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(n, n).uniform_(-0.1, 0.1))

    def nll(self, emissions, tags):
        rows = torch.arange(len(tags))
        score = self.start[tags[:, 0]] + emissions[rows, 0, tags[:, 0]]
        alpha = self.start + emissions[:, 0]
        for k in range(1, tags.shape[1]):
            score = score + self.transitions[tags[:, k - 1], tags[:, k]] + emissions[rows, k, tags[:, k]]
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.transitions, dim=1) + emissions[:, k]
        return (torch.logsumexp(alpha, dim=1) - score).mean()

    @torch.no_grad()
    def decode(self, emissions):
        best, back = self.start + emissions[:, 0], []
        for k in range(1, emissions.shape[1]):
            value, arg = (best.unsqueeze(2) + self.transitions).max(dim=1)
            best = value + emissions[:, k]
            back.append(arg)
        path = [best.argmax(1)]
        for arg in reversed(back):
            path.append(arg.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(path[::-1], dim=1)


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, dim)
        self.encoder = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Dropout(0.1))
        self.fc = nn.Linear(dim, LABELS)
        self.crf = CRF(LABELS)

    def emissions(self, words):
        return self.fc(self.encoder(self.embedding(words)))

    def forward(self, words, tags):
        return self.crf.nll(self.emissions(words), tags)


def build_optimizer(model, lr=2e-3, crf_lr=2e-2):
    parameters = []
    params = {'lr': lr, 'weight_decay': 1e-2, 'params': []}
    for name, param in model.named_parameters():
        if name.startswith(('embedding', 'encoder')):
            params['params'].append(param)
    parameters.append(params)

    params = {'lr': crf_lr, 'weight_decay': 1e-2, 'params': []}
    for name, param in model.named_parameters():
        if name.startswith(('crf', 'fc')):
            params['params'].append(param)
    parameters.append(params)
    return torch.optim.AdamW(parameters)


def evaluate(model, words, tags):
    model.eval()
    with torch.no_grad():
        loss = model(words, tags).item()
        found = model.crf.decode(model.emissions(words))
    return loss, (found == tags).float().mean().item()


def main(epochs=12, batch_size=32):
    torch.manual_seed(2022)
    words, tags = sample_corpus(1500, seed=1)
    dev_words, dev_tags = sample_corpus(400, seed=2)
    model = Tagger()
    optimizer = build_optimizer(model)
    steps = epochs * (len(words) // batch_size)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        batches = torch.randperm(len(words)).split(batch_size)
        for idx in batches:
            loss = model(words[idx], tags[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        dev_loss, dev_acc = evaluate(model, dev_words, dev_tags)
        logger.info('epoch %d: train nll %.3f, dev nll %.3f, dev token accuracy %.4f',
                    epoch, total / len(batches), dev_loss, dev_acc)


main()
