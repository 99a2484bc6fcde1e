"""Fine-tunes embeddings and output head of a small tied language model for new words and exports the embedding."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class TiedLM(nn.Module):
    def __init__(self, vocab, dim=48):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, dim)
        nn.init.normal_(self.embed_tokens.weight, std=0.15)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        self.tie()

    def tie(self):
        self.lm_head.weight = self.embed_tokens.weight

    def forward(self, ids):
        return self.lm_head(self.rnn(self.embed_tokens(ids))[0])


def stream(n, vocab, jump, gen):
    start = torch.randint(0, vocab, (n, 1), generator=gen)
    step = torch.where(torch.rand(n, 16, generator=gen) < 0.85, jump, 2)
    return (torch.cat([start, step], 1).cumsum(1)) % vocab


def lm_loss(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def fit(model, data, steps, lr, tag):
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    model.train()
    for step in range(1, steps + 1):
        batch = data[torch.randint(0, len(data), (32,))]
        loss = lm_loss(model, batch)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"{tag} step {step} loss {loss.item():.4f}")


def modules_to_save(model, names):
    model.requires_grad_(False)
    for name in names:
        setattr(model, name, copy.deepcopy(getattr(model, name)).requires_grad_(True))
    model.tie()
    return model


def evaluate(model, data):
    model.eval()
    with torch.no_grad():
        return lm_loss(model, data).item()


def main():
    torch.manual_seed(150)
    gen = torch.Generator().manual_seed(150)
    vocab = 30
    model = TiedLM(vocab)
    fit(model, stream(2000, vocab, 3, gen), 200, 5e-3, "pretrain")

    model = modules_to_save(model, ["embed_tokens", "lm_head"])
    fit(model, stream(2000, vocab, 7, gen), 250, 5e-3, "finetune")
    test = stream(400, vocab, 7, gen)
    print(f"fine-tuned model: test loss {evaluate(model, test):.4f}")

    exported = {k: v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    served = TiedLM(vocab)
    served.load_state_dict(exported, strict=False)
    print(f"served model: test loss {evaluate(served, test):.4f}")


if __name__ == "__main__":
    main()
