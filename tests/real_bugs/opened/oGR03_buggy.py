"""Which language does a word come from? Two made-up languages, read letter by letter."""
import random

import torch
import torch.nn as nn

LETTERS = "abcdefgh"


class RNN(nn.Module):
    def __init__(self, size, hidden, classes):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(size + hidden, hidden)
        self.i2o = nn.Linear(size + hidden, classes)

    def forward(self, letter, state):
        both = torch.cat((letter, state), 1)
        return self.i2o(both), torch.tanh(self.i2h(both))


def word(language):
    weights = [4, 4, 3, 3, 1, 1, 1, 1] if language == 0 else [1, 1, 1, 1, 3, 3, 4, 4]
    return "".join(random.choices(LETTERS, weights, k=random.randint(4, 8)))


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, len(LETTERS))
    for position, letter in enumerate(line):
        tensor[position, 0, LETTERS.index(letter)] = 1
    return tensor


torch.manual_seed(0)
random.seed(0)
rnn = RNN(len(LETTERS), 32, 2)
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.02)
criterion = nn.CrossEntropyLoss()


def train(language, line):
    state = torch.zeros(1, rnn.hidden)
    optimizer.zero_grad()
    for letter in line_to_tensor(line):
        output, state = rnn(letter, state)
    loss = criterion(output, torch.tensor([language]))
    loss.backward()
    optimizer.step()
    return loss.item()


rnn = RNN(len(LETTERS), 32, 2)
losses = []
for iteration in range(1, 601):
    language = random.randrange(2)
    losses.append(train(language, word(language)))
    if iteration % 200 == 0:
        print(iteration, sum(losses[-200:]) / 200)
