"""Joint image/caption embedding with a hardest-negative ranking loss."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class EncoderImage(nn.Module):
    def __init__(self, dim, embed):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dim, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5))
        self.fc = nn.Linear(256, embed)

    def forward(self, x):
        return F.normalize(self.fc(self.body(x)), dim=1)


class EncoderText(nn.Module):
    def __init__(self, vocab, word, embed):
        super().__init__()
        self.embed = nn.EmbeddingBag(vocab, word, mode="mean")
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(word, embed)

    def forward(self, tokens):
        return F.normalize(self.fc(self.drop(self.embed(tokens))), dim=1)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=0.2):
        super().__init__()
        self.margin = margin

    def forward(self, im, s):
        scores = im @ s.t()
        diag = scores.diag().view(-1, 1)
        mask = torch.eye(len(im), dtype=torch.bool)
        cost_s = (self.margin + scores - diag).clamp(min=0).masked_fill(mask, 0)
        cost_im = (self.margin + scores - diag.t()).clamp(min=0).masked_fill(mask, 0)
        return cost_s.mean(1).sum() + cost_im.mean(0).sum()


class VSE:
    def __init__(self, opt):
        self.img_enc = EncoderImage(opt["img_dim"], opt["embed"])
        self.txt_enc = EncoderText(opt["vocab"], opt["word_dim"], opt["embed"])
        self.criterion = ContrastiveLoss(opt["margin"])
        self.params = list(self.img_enc.parameters()) + list(self.txt_enc.parameters())
        self.optimizer = torch.optim.Adam(self.params, lr=opt["lr"])
        self.Eiters = 0

    def train_start(self):
        self.img_enc.train()
        self.txt_enc.train()

    def val_start(self):
        self.img_enc.eval()
        self.txt_enc.eval()

    def forward_emb(self, images, captions):
        return self.img_enc(images), self.txt_enc(captions)

    def train_emb(self, images, captions):
        self.Eiters += 1
        img_emb, cap_emb = self.forward_emb(images, captions)
        self.optimizer.zero_grad()
        loss = self.criterion(img_emb, cap_emb)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 2.0)
        self.optimizer.step()
        return loss.item()


def make_pairs(n, gen, opt):
    world = torch.Generator().manual_seed(17)
    proj = torch.randn(12, opt["img_dim"], generator=world)
    word_dir = torch.randn(12, opt["vocab"], generator=world)
    latent = torch.randn(n, 12, generator=gen)
    images = latent @ proj + 4.0 * torch.randn(n, opt["img_dim"], generator=gen)
    probs = (latent @ word_dir * 0.8).softmax(1)
    captions = torch.multinomial(probs, 12, replacement=True, generator=gen)
    return images, captions


@torch.no_grad()
def validate(model, images, captions):
    model.val_start()
    im, cap = model.forward_emb(images, captions)
    rank = (im @ cap.t() >= (im * cap).sum(1, keepdim=True)).sum(1)
    r1, r10 = (rank <= 1).float().mean() * 100, (rank <= 10).float().mean() * 100
    return r1.item(), r10.item()


def main():
    opt = dict(img_dim=128, vocab=400, word_dim=96, embed=64, margin=0.2, lr=1e-3,
               epochs=30, batch=64, val_step=4)
    torch.manual_seed(1)
    gen = torch.Generator().manual_seed(2)
    tr_img, tr_cap = make_pairs(900, gen, opt)
    va_img, va_cap = make_pairs(500, gen, opt)
    model = VSE(opt)
    best = 0
    for epoch in range(opt["epochs"]):
        model.train_start()
        losses = []
        for idx in torch.randperm(len(tr_img)).split(opt["batch"]):
            losses.append(model.train_emb(tr_img[idx], tr_cap[idx]))
            if model.Eiters % opt["val_step"] == 0:
                r1, r10 = validate(model, va_img, va_cap)
                best = max(best, r10)
                model.train_start()
        r1, r10 = validate(model, va_img, va_cap)
        if epoch % 3 == 2:
            print(f"epoch {epoch:2d}  loss {sum(losses) / len(losses):.3f}  R@1 {r1:.1f}  R@10 {r10:.1f}  best R@10 {best:.1f}")


main()
