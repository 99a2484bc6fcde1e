"""Link prediction on a toy knowledge graph: scores all entities as objects of (subject, relation)."""
import torch
import torch.nn as nn

ENTITIES, RELATIONS = 20, 6


class DistMult(nn.Module):
    def __init__(self, dim=32, dropout=0.1):
        super().__init__()
        self.ent = nn.Embedding(ENTITIES, dim)
        self.rel = nn.Embedding(RELATIONS, dim)
        nn.init.xavier_normal_(self.ent.weight)
        nn.init.xavier_normal_(self.rel.weight)
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * dim, dim)
        self.bias = nn.Parameter(torch.zeros(ENTITIES))

    def forward(self, s, r):
        x = torch.cat([self.ent(s), self.rel(r)], dim=1)
        x = self.drop(torch.relu(self.hidden(x)))
        return x @ self.ent.weight.t() + self.bias


def graph():
    g = torch.Generator().manual_seed(210)
    targets = torch.zeros(ENTITIES, RELATIONS, ENTITIES)
    for r in range(RELATIONS):
        shift = int(torch.randint(1, ENTITIES, (1,), generator=g))
        for s in range(ENTITIES):
            targets[s, r, (s + shift) % ENTITIES] = 1
            if s % 3 == 0:
                targets[s, r, (s + 2 * shift) % ENTITIES] = 1
    return targets


def calibration(model, targets):
    model.eval()
    s, r = torch.cartesian_prod(torch.arange(ENTITIES), torch.arange(RELATIONS)).t()
    with torch.no_grad():
        p = torch.sigmoid(model(s, r))
    t = targets[s, r]
    top = p.argmax(dim=1)
    hits = t[torch.arange(len(t)), top].mean().item()
    return hits, p[t == 0].mean().item(), p[t == 1].mean().item()


def main(label_smoothing=0.1, batch_size=24, epochs=80, lr=1e-2):
    torch.manual_seed(211)
    targets = graph()
    pairs = torch.cartesian_prod(torch.arange(ENTITIES), torch.arange(RELATIONS))
    model = DistMult()
    loss_fn = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        model.train()
        total, batches = 0.0, 0
        for idx in torch.randperm(len(pairs)).split(batch_size):
            s, r = pairs[idx].t()
            e2_multi = targets[s, r]
            e2_multi = (1.0 - label_smoothing) * e2_multi + 1.0 / e2_multi.size(1)
            loss = loss_fn(model(s, r), e2_multi)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total, batches = total + loss.item(), batches + 1
        if epoch % 10 == 0:
            hits, neg, pos = calibration(model, targets)
            print(f"epoch {epoch} loss {total / batches:.4f} hits@1 {hits:.3f} mean p(neg) {neg:.4f} mean p(pos) {pos:.4f}")


if __name__ == "__main__":
    main()
