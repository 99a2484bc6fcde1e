"""Named-entity tagger: text encoder + image prompt, linear-chain CRF on top."""
import torch
from torch import nn

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


class CRF(nn.Module):
    def __init__(self, num_tags):
        super().__init__()
        self.start = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))

    def forward(self, emissions, tags):
        b = torch.arange(len(tags))
        score = self.start[tags[:, 0]] + emissions[b, 0, tags[:, 0]]
        alpha = self.start + emissions[:, 0]
        for t in range(1, tags.size(1)):
            score = score + self.transitions[tags[:, t - 1], tags[:, t]] + emissions[b, t, tags[:, t]]
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.transitions, 1) + emissions[:, t]
        return (torch.logsumexp(alpha, 1) - score).mean()

    @torch.no_grad()
    def decode(self, emissions):
        v, back = self.start + emissions[:, 0], []
        for t in range(1, emissions.size(1)):
            best, arg = (v.unsqueeze(2) + self.transitions).max(1)
            back.append(arg)
            v = best + emissions[:, t]
        path = [v.argmax(1)]
        for arg in reversed(back):
            path.append(arg.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(path[::-1], 1)


class NERModel(nn.Module):
    def __init__(self, vocab, dim=32):
        super().__init__()
        self.encoder_embed = nn.Embedding(vocab, dim)
        self.encoder_gru = nn.GRU(dim, dim, batch_first=True)
        self.visual_prompt = nn.Linear(10, dim)
        self.fc = nn.Linear(dim, len(TAGS))
        self.crf = CRF(len(TAGS))

    def emissions(self, words, image):
        h, _ = self.encoder_gru(self.encoder_embed(words) + self.visual_prompt(image).unsqueeze(1))
        return self.fc(h)

    def forward(self, words, image, tags):
        return self.crf(self.emissions(words, image), tags)


def corpus(n, length, vocab, g):
    trans = torch.tensor([[.7, .15, 0, .15, 0], [.3, 0, .7, 0, 0], [.6, 0, .3, .1, 0],
                          [.3, 0, 0, 0, .7], [.6, .1, 0, 0, .3]])
    emit = torch.rand(len(TAGS), vocab, generator=torch.Generator().manual_seed(4)) ** 4
    tags = torch.zeros(n, length, dtype=torch.long)
    tags[:, 0] = torch.multinomial(torch.tensor([.7, .15, 0, .15, 0]).expand(n, 5), 1, generator=g)[:, 0]
    for t in range(1, length):
        tags[:, t] = torch.multinomial(trans[tags[:, t - 1]], 1, generator=g)[:, 0]
    words = torch.multinomial(emit[tags].view(-1, vocab), 1, generator=g).view(n, length)
    image = torch.randn(n, 10, generator=g) + (tags == 3).float().mean(1, keepdim=True) * 3
    return words, image, tags


class Trainer:
    def __init__(self, model, lr=5e-3):
        self.model = model
        self.lr = lr
        self.before_train()

    def before_train(self):
        parameters = []
        params = {"lr": self.lr, "weight_decay": 1e-2, "params": []}
        for name, param in self.model.named_parameters():
            if "encoder" in name:
                params["params"].append(param)
        parameters.append(params)

        params = {"lr": self.lr, "weight_decay": 1e-2, "params": []}
        for name, param in self.model.named_parameters():
            if "visual" in name:
                params["params"].append(param)
        parameters.append(params)

        params = {"lr": self.lr * 2, "weight_decay": 1e-2, "params": []}
        for name, param in self.model.named_parameters():
            if "crf" in name or name.startswith("fc"):
                params["params"].append(param)
        self.optimizer = torch.optim.AdamW(parameters)

    def evaluate(self, words, image, tags):
        self.model.eval()
        with torch.no_grad():
            pred = self.model.crf.decode(self.model.emissions(words, image))
        hit = ((pred == tags) & (tags > 0)).sum().item()
        p, r = hit / max((pred > 0).sum().item(), 1), hit / (tags > 0).sum().item()
        return 2 * p * r / max(p + r, 1e-9)

    def train(self, data, dev, epochs=8, batch=64):
        words, image, tags = data
        for epoch in range(epochs):
            self.model.train()
            avg = 0.0
            for idx in torch.randperm(len(words)).split(batch):
                loss = self.model(words[idx], image[idx], tags[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                avg += loss.item() * len(idx) / len(words)
            print(f"Epoch {epoch + 1}/{epochs}  loss {avg:.4f}  dev F1 {self.evaluate(*dev):.4f}")


if __name__ == "__main__":
    torch.manual_seed(1234)
    g = torch.Generator().manual_seed(7)
    train_set, dev_set = corpus(2000, 14, 200, g), corpus(400, 14, 200, g)
    Trainer(NERModel(200)).train(train_set, dev_set)
