"""Two-level product classifier: department first, article second, with a penalty on contradictions."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

HIERARCHY = {0: [0, 1, 2], 1: [3, 4, 5, 6], 2: [7, 8], 3: [9, 10, 11]}
N_DEPT, N_ARTICLE = 4, 12
PARENT = torch.zeros(N_ARTICLE, dtype=torch.long)
for dept, articles in HIERARCHY.items():
    PARENT[articles] = dept


def make_products(n=3000, dim=20, seed=4):
    g = torch.Generator().manual_seed(seed)
    dept_centre = torch.randn(N_DEPT, dim, generator=g) * 0.45
    article_centre = dept_centre[PARENT] + torch.randn(N_ARTICLE, dim, generator=g) * 0.45
    article = torch.randint(N_ARTICLE, (n,), generator=g)
    x = article_centre[article] + torch.randn(n, dim, generator=g)
    return TensorDataset(x, PARENT[article], article)


class HierarchicalLoss(nn.Module):
    def __init__(self, alpha=1.0, beta=4.0):
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.register_buffer('belongs', F.one_hot(PARENT, N_DEPT).t().float())

    def layer_loss(self, outputs, targets):
        return sum(F.cross_entropy(o, t) for o, t in zip(outputs, targets))

    def dependency_loss(self, outputs):
        dept, article = outputs
        p_dept = F.one_hot(dept.softmax(1).argmax(1), N_DEPT).float()
        p_article = F.one_hot(article.softmax(1).argmax(1), N_ARTICLE).float()
        agree = ((p_dept @ self.belongs) * p_article).sum(1)
        return (1 - agree).mean()

    def forward(self, outputs, targets):
        lloss = self.layer_loss(outputs, targets)
        dloss = self.dependency_loss(outputs)
        return self.alpha * lloss + self.beta * dloss, lloss, dloss


class TwoLevelNet(nn.Module):
    def __init__(self, dim=20, width=64):
        super().__init__()
        self.dept_tower = nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Dropout(0.3))
        self.article_tower = nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Dropout(0.3))
        self.dept = nn.Linear(width, N_DEPT)
        self.article = nn.Linear(width, N_ARTICLE)

    def forward(self, x):
        return self.dept(self.dept_tower(x)), self.article(self.article_tower(x))


@torch.no_grad()
def report(model, loader):
    model.eval()
    right1 = right2 = torn = n = 0
    for x, d, a in loader:
        o1, o2 = model(x)
        p1, p2 = o1.argmax(1), o2.argmax(1)
        right1 += (p1 == d).sum().item()
        right2 += (p2 == a).sum().item()
        torn += (PARENT[p2] != p1).sum().item()
        n += len(x)
    return right1 / n, right2 / n, torn / n


def main():
    torch.manual_seed(8)
    train_set, val_set = random_split(make_products(), [2000, 1000])
    train_loader = DataLoader(train_set, 50, shuffle=True)
    val_loader = DataLoader(val_set, 250)
    model, criterion = TwoLevelNet(), HierarchicalLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    for epoch in range(1, 31):
        model.train()
        sums = torch.zeros(3)
        for x, d, a in train_loader:
            loss, lloss, dloss = criterion(model(x), (d, a))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += torch.tensor([loss.item(), lloss.item(), dloss.item()])
        if epoch % 3 == 0:
            l, ll, dl = (sums / len(train_loader)).tolist()
            a1, a2, torn = report(model, val_loader)
            print(f'epoch {epoch:2d}  loss {l:.3f} (layers {ll:.3f}, dependency {dl:.3f})  '
                  f'val: department {a1:.3f}, article {a2:.3f}, contradictory {torn:.3f}')


if __name__ == '__main__':
    main()
