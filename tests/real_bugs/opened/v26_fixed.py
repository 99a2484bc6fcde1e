"""Knowledge-graph embedding (DistMult) with gradient accumulation over small batches."""
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class DistMult(nn.Module):
    def __init__(self, entities, relations, dim=24):
        super().__init__()
        self.entity = nn.Embedding(entities, dim)
        self.relation = nn.Embedding(relations, dim)
        nn.init.xavier_normal_(self.entity.weight)
        nn.init.xavier_normal_(self.relation.weight)
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, head, rel):
        return self.norm(self.entity(head) * self.relation(rel)) @ self.entity.weight.T


def knowledge(gen, entities=80, relations=4, groups=8):
    """Symmetric relations between groups of entities, with a few stray facts."""
    group = torch.randint(0, groups, (entities,), generator=gen)
    facts = []
    for r in range(relations):
        link = torch.rand(groups, groups, generator=gen) < 0.25
        link = link | link.T
        holds = link[group][:, group] & (torch.rand(entities, entities, generator=gen) < 0.5)
        h, t = holds.nonzero().T
        facts.append(torch.stack([h, torch.full_like(h, r), t], dim=1))
    facts = torch.cat(facts)
    return facts[torch.randperm(len(facts), generator=gen)]


class Trainer:
    def __init__(self, args):
        self.accumulate = args.accumulation_steps
        self.model = args.model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr, momentum=0.9)

    def loss(self, head, rel, tail):
        return F.cross_entropy(self.model(head, rel), tail)

    def run_epoch(self, loader):
        self.model.train()
        total = 0.0
        self.optimizer.zero_grad()
        for i, batch in enumerate(loader):
            loss = self.loss(*batch)
            (loss / self.accumulate).backward()
            if (i + 1) % self.accumulate == 0 or i + 1 == len(loader):
                self.optimizer.step()
                self.optimizer.zero_grad()
            total += loss.item()
        return total / len(loader)


@torch.no_grad()
def hits_at(model, facts, train_facts, k=10):
    """Filtered hits: other known tails of the same query do not count against a fact."""
    model.eval()
    scores = model(facts[:, 0], facts[:, 1])
    known = {}
    for h, r, t in train_facts.tolist():
        known.setdefault((h, r), []).append(t)
    for row, (h, r, t) in enumerate(facts.tolist()):
        others = [o for o in known.get((h, r), []) if o != t]
        scores[row, others] = float("-inf")
    target = scores.gather(1, facts[:, 2:])
    return ((scores > target).sum(1) < k).float().mean().item()


def main():
    torch.manual_seed(260)
    facts = knowledge(torch.Generator().manual_seed(260))
    cut = int(0.85 * len(facts))
    train, test = facts[:cut], facts[cut:]
    size = 16 * 4 * (len(train) // 64)
    train = train[:size]
    loader = DataLoader(TensorDataset(*train.T), batch_size=16, shuffle=True)
    trainer = Trainer(SimpleNamespace(model=DistMult(80, 4), accumulation_steps=4, lr=0.1))
    for epoch in range(12):
        loss = trainer.run_epoch(loader)
        if epoch % 2 == 1:
            print(f"epoch {epoch:2d} loss {loss:.4f} test hits@10 {hits_at(trainer.model, test, train):.3f}")


if __name__ == "__main__":
    main()
