"""Link prediction with a graph auto-encoder; ranking quality on held-out edges is reported as AUC."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def community_graph(gen, nodes=240, groups=6):
    group = torch.randint(0, groups, (nodes,), generator=gen)
    same = group[:, None] == group[None, :]
    prob = torch.where(same, 0.22, 0.015)
    upper = torch.triu(torch.rand(nodes, nodes, generator=gen) < prob, diagonal=1)
    features = torch.randn(groups, 16, generator=gen)[group] + 1.5 * torch.randn(nodes, 16, generator=gen)
    return features, upper.nonzero().T


def split_edges(edges, gen, share=0.15):
    order = torch.randperm(edges.shape[1], generator=gen)
    k = int(share * edges.shape[1])
    return edges[:, order[k:]], edges[:, order[:k]]


def normalised_adjacency(edges, nodes):
    a = torch.eye(nodes)
    a[edges[0], edges[1]] = 1.0
    a[edges[1], edges[0]] = 1.0
    d = a.sum(1).rsqrt()
    return d[:, None] * a * d[None, :]


def sample_negatives(known, nodes, k, gen):
    """Pairs that are no edge at all, in neither direction."""
    pairs = []
    while len(pairs) < k:
        i, j = torch.randint(0, nodes, (2,), generator=gen).tolist()
        if i != j and (min(i, j), max(i, j)) not in known:
            pairs.append((i, j))
    return torch.tensor(pairs).T


class GAE(nn.Module):
    def __init__(self, n_in, hidden=32, out=16):
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(n_in, hidden), nn.Linear(hidden, out)

    def encode(self, x, adj):
        h = F.relu(adj @ self.lin1(x))
        return adj @ self.lin2(h)

    @staticmethod
    def score(z, pairs):
        return (z[pairs[0]] * z[pairs[1]]).sum(-1)


def roc_auc(labels, scores):
    """Mann-Whitney statistic, ties counted as one half."""
    pos, neg = scores[labels == 1], scores[labels == 0]
    d = pos[:, None] - neg[None, :]
    return ((d > 0).float() + 0.5 * (d == 0).float()).mean().item()


@torch.no_grad()
def test(model, x, adj, pos, neg):
    model.eval()
    z = model.encode(x, adj)
    pairs = torch.cat([pos, neg], dim=1)
    labels = torch.cat([torch.ones(pos.shape[1]), torch.zeros(neg.shape[1])])
    link_probs = model.score(z, pairs).sigmoid()
    link_labels = (link_probs > 0.5).float()
    accuracy = (link_labels == labels).float().mean().item()
    return roc_auc(labels, link_labels), accuracy


def main():
    torch.manual_seed(110)
    gen = torch.Generator().manual_seed(110)
    x, edges = community_graph(gen)
    x = (x - x.mean(0)) / x.std(0)
    nodes = len(x)
    known = {tuple(e) for e in edges.T.tolist()}
    train_pos, test_pos = split_edges(edges, gen)
    test_neg = sample_negatives(known, nodes, test_pos.shape[1], gen)
    adj = normalised_adjacency(train_pos, nodes)
    model = GAE(x.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(1, 121):
        model.train()
        neg = sample_negatives(known, nodes, train_pos.shape[1], gen)
        z = model.encode(x, adj)
        scores = model.score(z, torch.cat([train_pos, neg], dim=1))
        target = torch.cat([torch.ones(train_pos.shape[1]), torch.zeros(neg.shape[1])])
        loss = F.binary_cross_entropy_with_logits(scores, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            auc, acc = test(model, x, adj, test_pos, test_neg)
            print(f"epoch {epoch:3d} loss {loss.item():.4f} test auc {auc:.3f} accuracy {acc:.3f}")


if __name__ == "__main__":
    main()
