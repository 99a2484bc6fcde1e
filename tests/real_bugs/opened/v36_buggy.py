"""Masked-patch pre-training that is stopped in the middle and goes on from its checkpoint."""
import io

import torch
import torch.nn as nn

PATCHES, PIX, TOTAL_EPOCHS, STOP_AFTER, BATCH = 16, 12, 16, 11, 50


class MaskedAutoencoder(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.embed = nn.Linear(PIX, dim)
        self.mask_token = nn.Parameter(0.02 * torch.randn(dim))
        self.pos = nn.Parameter(0.02 * torch.randn(PATCHES, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.decode = nn.Linear(dim, PIX)

    def forward(self, x, mask):
        h = torch.where(mask[..., None], self.mask_token, self.embed(x)) + self.pos
        return self.decode(self.norm(self.encoder(h)))


def signals(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 1, PATCHES * PIX)
    f = 1 + 2 * torch.rand(n, 1, 1, generator=g)
    phase = 6.28 * torch.rand(n, 1, 1, generator=g)
    x = torch.sin(6.28 * f * t + phase).sum(1) + 0.1 * torch.randn(n, len(t), generator=g)
    return (x / x.std()).view(n, PATCHES, PIX)


def masks(n, generator=None):
    return torch.rand(n, PATCHES, generator=generator) < 0.3


def masked_mse(pred, x, mask):
    return ((pred - x) ** 2).mean(-1)[mask].mean()


class Run:
    def __init__(self, steps_per_epoch):
        self.model = MaskedAutoencoder()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
        total = TOTAL_EPOCHS * steps_per_epoch
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda s: min((s + 1) / 40, max(0.05, 1 - s / total)))
        self.epoch = 0

    def save(self):
        file = io.BytesIO()
        torch.save({"model": self.model.state_dict(),
                    "scheduler": self.scheduler.state_dict(),
                    "epoch": self.epoch}, file)
        return file.getvalue()

    def load(self, blob):
        state = torch.load(io.BytesIO(blob))
        self.model.load_state_dict(state["model"])
        self.scheduler.load_state_dict(state["scheduler"])
        for group, lr in zip(self.optimizer.param_groups, self.scheduler.get_last_lr()):
            group["lr"] = lr
        self.epoch = state["epoch"]

    def train(self, x, xv, until):
        g = torch.Generator().manual_seed(5)
        mv = masks(len(xv), g)
        while self.epoch < until:
            self.model.train()
            total, head = 0.0, 0.0
            for k, i in enumerate(torch.randperm(len(x)).split(BATCH)):
                m = masks(len(i))
                loss = masked_mse(self.model(x[i], m), x[i], m)
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.scheduler.step()
                total += loss.item()
                head += loss.item() if k < 6 else 0.0
            self.epoch += 1
            self.model.eval()
            with torch.no_grad():
                val = masked_mse(self.model(xv, mv), xv, mv).item()
            steps = -(-len(x) // BATCH)
            print(f"epoch {self.epoch:2d} loss {total / steps:.4f} (first steps {head / 6:.4f}) val {val:.4f} "
                  f"lr {self.scheduler.get_last_lr()[0]:.2e}")


if __name__ == "__main__":
    torch.manual_seed(360)
    x, xv = signals(1500, 1), signals(300, 2)
    first = Run(len(x) // BATCH)
    first.train(x, xv, STOP_AFTER)
    checkpoint = first.save()
    print("-- stopped; resuming from the checkpoint")
    second = Run(len(x) // BATCH)
    second.load(checkpoint)
    second.train(x, xv, TOTAL_EPOCHS)
