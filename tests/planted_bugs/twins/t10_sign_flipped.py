"""Language identification on letter counts (synthetic), trained for likelihood."""

import torch
from torch import nn

LANGUAGES, LETTERS = 5, 26


def letter_counts(n, generator):
    """Each language has its own letter frequencies; a text is 60 letters."""
    logits = torch.randn(LANGUAGES, LETTERS, generator=torch.Generator().manual_seed(123)) * 0.5
    y = torch.randint(LANGUAGES, (n,), generator=generator)
    letters = torch.multinomial(torch.softmax(logits, 1)[y], 60, replacement=True, generator=generator)
    counts = nn.functional.one_hot(letters, LETTERS).sum(1).float()
    return (counts - 60 / LETTERS) / 1.9, y


class LanguageNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(LETTERS, 40), nn.ReLU(), nn.Linear(40, LANGUAGES))

    def forward(self, counts):
        return self.layers(counts).log_softmax(-1)


def likelihood_loss(log_p, y):
    chosen = log_p[torch.arange(len(y)), y]
    return -chosen.mean()


def minibatches(x, y, n=50):
    return list(zip(x.split(n), y.split(n), strict=True))


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = likelihood_loss(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adagrad(model.parameters(), lr=0.01)


def evaluate(model, batches):
    with torch.no_grad():
        return torch.cat([model(x).argmax(1) == y for x, y in batches]).float().mean().item()


def texts():
    g = torch.Generator().manual_seed(0)
    return letter_counts(1500, g), letter_counts(500, g)


def main():
    torch.manual_seed(0)
    train, test = texts()
    model = LanguageNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        for x, y in minibatches(*train):
            loss = train_step(model, optimizer, x, y)
        print(f"epoch {epoch} loss {loss.item():.4f}")
    print(f"accuracy {evaluate(model, minibatches(*test)):.3f}")


def build():
    torch.manual_seed(0)
    train, test = texts()
    return {
        "model": LanguageNet(),
        "factory": LanguageNet,
        "loss_fn": likelihood_loss,
        "batches": minibatches(*train),
        "validation": minibatches(*test),
        "num_classes": LANGUAGES,
        "optimizer": make_optimizer,
        "train_step": train_step,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
