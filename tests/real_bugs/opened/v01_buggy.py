"""Listener of an emergent-communication game: reads a message of symbols, names the object it describes."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES, COLOURS, SYMBOLS, LENGTH = 4, 3, 12, 6


class Listener(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, 24)
        self.gru = nn.GRU(24, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, SHAPES * COLOURS)

    def forward(self, message):
        _, h = self.gru(self.embedding(message))
        return self.readout(h[-1])


class Speaker:
    """A fixed, slightly unreliable language: three symbols for the shape and three for the colour."""

    def __init__(self, rng):
        self.rng = rng
        self.shape_words = rng.integers(0, SYMBOLS, (SHAPES, 3))
        self.colour_words = rng.integers(0, SYMBOLS, (COLOURS, 3))

    def talk(self, n):
        shape = self.rng.integers(0, SHAPES, n)
        colour = self.rng.integers(0, COLOURS, n)
        msg = np.concatenate([self.shape_words[shape], self.colour_words[colour]], axis=1)
        slip = self.rng.random(msg.shape) < 0.15
        msg = np.where(slip, self.rng.integers(0, SYMBOLS, msg.shape), msg)
        return torch.from_numpy(msg), torch.from_numpy(shape * COLOURS + colour)


torch.manual_seed(3)
speaker = Speaker(np.random.default_rng(3))
messages, objects = speaker.talk(4000)
test_messages, test_objects = speaker.talk(1000)

listener = Listener()
optimiser = torch.optim.Adam(listener.parameters(), lr=2e-3)
BATCH = 50

for game in range(6):
    listener.train()
    order = torch.randperm(len(messages))
    total = 0.0
    for start in range(0, len(order), BATCH):
        idx = order[start:start + BATCH]
        pred_vector = listener(messages[idx])
        log_probs = F.log_softmax(pred_vector, dim=0)
        loss = F.nll_loss(log_probs, objects[idx])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(idx)
    listener.eval()
    with torch.no_grad():
        hits = (listener(test_messages).argmax(1) == test_objects).float().mean().item()
    print(f"round {game}: loss {total / len(messages):.4f}  test accuracy {hits:.3f}")
