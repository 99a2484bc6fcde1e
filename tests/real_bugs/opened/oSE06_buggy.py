"""Pretraining on protein-like strings: an LSTM language model over amino acids."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

ALPHABET = "ACDEFGHIKLMNPQRSTVWY"


class Proteins(Dataset):
    """Strings of a Markov chain, in which each acid has three usual followers."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        followers = torch.stack([torch.randperm(20, generator=torch.Generator().manual_seed(i))[:3]
                                 for i in range(20)])
        self.items = []
        for _ in range(n):
            ids = [int(torch.randint(20, (1,), generator=g))]
            for _ in range(29):
                ids.append(int(followers[ids[-1], torch.randint(3, (1,), generator=g)]))
            self.items.append("".join(ALPHABET[i] for i in ids))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return torch.tensor([ALPHABET.index(letter) for letter in self.items[i]])


def language_modelling(batch):
    """Inputs and targets of a batch."""
    tokens = torch.stack(batch)
    inputs, targets = tokens, tokens.clone()
    return {"input_ids": inputs, "targets": targets}


class ProteinLSTM(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(20, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.decoder = nn.Linear(hidden, 20)

    def forward(self, input_ids):
        return self.decoder(self.lstm(self.embed(input_ids))[0])


def main():
    torch.manual_seed(0)
    train = DataLoader(Proteins(480, 0), 32, shuffle=True, collate_fn=language_modelling)
    valid = DataLoader(Proteins(96, 1), 32, collate_fn=language_modelling)
    model = ProteinLSTM()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(5):
        model.train()
        for batch in train:
            logits = model(batch["input_ids"])
            loss = loss_fn(logits.flatten(0, 1), batch["targets"].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            held_out = [loss_fn(model(b["input_ids"]).flatten(0, 1), b["targets"].flatten())
                        for b in valid]
        print(f"epoch {epoch}: perplexity {torch.stack(held_out).mean().exp():.3f}")


main()
