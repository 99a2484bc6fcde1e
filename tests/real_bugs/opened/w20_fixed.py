"""Referring localisation: pick the cell of a scene that a short phrase talks about."""
import torch
import torch.nn.functional as F
from torch import nn

COLORS, SHAPES, CELLS = 4, 4, 9


def sample(n, g):
    color = torch.randint(0, COLORS, (n, CELLS), generator=g)
    shape = torch.randint(0, SHAPES, (n, CELLS), generator=g)
    pick = torch.randint(0, CELLS, (n,), generator=g)
    rows = torch.arange(n)
    phrase = torch.stack([color[rows, pick], COLORS + shape[rows, pick]], 1)
    same = (color == color[rows, pick, None]) & (shape == shape[rows, pick, None])
    same[rows, pick] = False
    shape = torch.where(same, (shape + 1) % SHAPES, shape)
    look = torch.randn(COLORS + SHAPES, 12, generator=torch.Generator().manual_seed(0))
    visual = look[color] + look[COLORS + shape] + 0.2 * torch.randn(n, CELLS, 12, generator=g)
    return visual, phrase, pick


class PWAM(nn.Module):
    """Fuses language into every visual location."""

    def __init__(self, dim):
        super().__init__()
        self.vis_project = nn.Sequential(nn.Linear(dim, dim), nn.GELU())
        self.lang_project = nn.Linear(dim, dim)
        self.project_mm = nn.Sequential(nn.Linear(dim, dim), nn.GELU())

    def forward(self, x, lang):
        return self.project_mm(self.vis_project(x) * self.lang_project(lang).unsqueeze(1))


class Stage(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.block = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.fusion = PWAM(dim)
        self.res_gate = nn.Sequential(
            nn.Linear(dim, dim, bias=False),
            nn.ReLU(),
            nn.Linear(dim, dim, bias=False),
            nn.Tanh(),
        )

    def forward(self, x, lang):
        x = x + self.block(x)
        r = self.fusion(x, lang)
        return x + self.res_gate(r) * r


class LangVisionNet(nn.Module):
    def __init__(self, dim=48, depth=2):
        super().__init__()
        self.patch_embed = nn.Linear(12, dim)
        self.words = nn.Embedding(COLORS + SHAPES, dim)
        self.lang = nn.Sequential(nn.Linear(2 * dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.stages = nn.ModuleList([Stage(dim) for _ in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 1))
        self.init_weights()

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.1)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
        for stage in self.stages:
            nn.init.zeros_(stage.res_gate[2].weight)

    def forward(self, visual, phrase):
        x = self.patch_embed(visual)
        lang = self.lang(self.words(phrase).flatten(1))
        for stage in self.stages:
            x = stage(x, lang)
        return self.head(x).squeeze(2)


torch.manual_seed(13)
gen = torch.Generator().manual_seed(14)
test = sample(1000, gen)
model = LangVisionNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
for it in range(1, 801):
    model.train()
    visual, phrase, pick = sample(64, gen)
    loss = F.cross_entropy(model(visual, phrase), pick)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 100 == 0:
        model.eval()
        with torch.no_grad():
            acc = (model(*test[:2]).argmax(1) == test[2]).float().mean()
        print(f"iter {it:4d}  loss {loss.item():.4f}  pointing accuracy {acc:.4f}")
