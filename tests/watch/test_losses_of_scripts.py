"""Small trainings whose loss is wrong in one way, watched; and their right twins."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch import watch

RULES = ("constant_terms", "token_weights", "padding_in_loss", "class_weights", "loss_targets", "class_axis",
         "focal_mean", "temperature", "kl_weight")


def train(step, *parameters, steps=6, lr=1e-2, optimizer=torch.optim.SGD):
    """Watches `steps` steps on step(i) -> loss, or a list of losses of micro-batches; the report."""
    with watch(select=RULES) as report:
        opt = optimizer([p for module in parameters for p in module.parameters()], lr=lr)
        for i in range(steps):
            opt.zero_grad()
            losses = step(i)
            for loss in losses if isinstance(losses, list) else [losses]:
                (loss() if callable(loss) else loss).backward()
            opt.step()
    assert report.problem == ""
    return report


def said(report, rule):
    """Texts of the rule's errors and warnings."""
    return [one.message for one in report if one.name == rule and one.severity != "note"]


def data(n=32, width=6, classes=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=g), torch.randint(0, classes, (n, ), generator=g)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# terms without a gradient


def distil(mistake):
    x, y = data()
    student, teacher = nn.Linear(6, 4), nn.Linear(6, 4)

    def step(_):
        if mistake == "not frozen":
            t = teacher(x)
        else:
            with torch.no_grad():
                t = teacher(x)
        s = student(x)
        q = {"teacher twice": t, "detached": s.detach(), "not frozen": t}.get(mistake, s)
        kd = F.kl_div(F.log_softmax(q / 2, 1), F.softmax((t + mistake_shift) / 2, 1), reduction="batchmean")
        return 0.1 * F.cross_entropy(s, y) + 0.9 * 4 * kd

    mistake_shift = torch.linspace(-1, 1, 4) if mistake == "not frozen" else 0
    return said(train(step, student), "constant_terms")


def test_a_divergence_that_does_not_depend_on_the_student():
    assert "kl_div" in distil("teacher twice")[0]
    assert "kl_div" in distil("detached")[0]
    assert "none that an optimiser holds" in distil("not frozen")[0]
    assert not distil("")


def test_terms_in_a_stack():
    x, y = data()
    model = nn.Linear(6, 4)

    def step(detach):
        def loss(_):
            z = model(x)
            consistency = F.mse_loss(z.detach() if detach else z, torch.zeros(32, 4))
            return torch.stack([F.cross_entropy(z, y), 0.5 * consistency]).sum()
        return loss

    assert said(train(step(True), model), "constant_terms")
    assert not said(train(step(False), model), "constant_terms")


def test_a_loss_that_is_detached_before_it_is_added():
    x, y = data()
    model = nn.Linear(6, 4)

    def step(_):
        z = model(x)
        penalty = z.square().mean().detach()
        return F.cross_entropy(z, y) + 0.1 * penalty

    assert "a detached loss" in said(train(step, model), "constant_terms")[0]


def test_a_loss_that_is_only_logged():
    x, y = data()
    model = nn.Linear(6, 4)

    def step(_):
        z = model(x)
        loss = F.cross_entropy(z, y)
        F.mse_loss(z.detach(), torch.zeros(32, 4)) * 2 + 1  # to be printed
        return loss

    assert not said(train(step, model), "constant_terms")


def test_a_gan_is_left_alone():
    g, d = nn.Linear(3, 6), nn.Linear(6, 1)
    x, _ = data()
    with watch() as report:
        og, od = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in (g, d))
        for _ in range(6):
            fake = g(torch.randn(32, 3))
            od.zero_grad()
            real, no = d(x), d(fake.detach())
            (F.binary_cross_entropy_with_logits(real, torch.ones(32, 1)) +
             F.binary_cross_entropy_with_logits(no, torch.zeros(32, 1))).backward()
            od.step()
            og.zero_grad()
            (F.binary_cross_entropy_with_logits(d(fake), torch.ones(32, 1)) + F.l1_loss(fake, x)).backward()
            og.step()
    assert not said(report, "constant_terms")


def test_losses_of_earlier_steps():
    x, y = data()
    model = nn.Linear(6, 4)
    with watch() as report:
        opt, total = torch.optim.SGD(model.parameters(), lr=0.01), 0
        for _ in range(6):
            total = total + F.cross_entropy(model(x), y)
            opt.zero_grad()
            total.backward(retain_graph=True)
            opt.step()
    assert "earlier steps" in said(report, "constant_terms")[0]


# tokens, padding


def sequences(lengths, classes=7, seed=0):
    """(N, T) tokens above zero, filled up with zeros."""
    g = torch.Generator().manual_seed(seed)
    rows = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = torch.randint(1, classes, (length, ), generator=g)
    return rows


def accumulate(lengths, reduce):
    model = nn.Embedding(7, 7)
    y = sequences(lengths)

    def step(_):
        def micro(row):
            def loss():
                z, t = model(row[:-1]), row[1:]
                if reduce == "mean":
                    return F.cross_entropy(z, t, ignore_index=0) / len(y)
                if reduce == "by hand":
                    real = (t != 0).float()
                    return (F.cross_entropy(z, t, reduction="none") * real).sum() / real.sum()
                return F.cross_entropy(z, t, ignore_index=0, reduction="sum") / (y[:, 1:] != 0).sum()
            return loss
        return [micro(row) for row in y]

    return said(train(step, model), "token_weights")


def test_means_of_micro_batches_with_unequal_numbers_of_tokens():
    assert "weighs 10 times" in accumulate((3, 21, 9, 15), "mean")[0]
    assert accumulate((3, 21, 9, 15), "by hand")
    assert not accumulate((3, 21, 9, 15), "sum")
    assert not accumulate((10, 12, 11, 12), "mean")


def language(kind, lengths=(5, 9, 7, 12, 12, 4, 6, 8)):
    model, y = nn.Embedding(7, 7), sequences(lengths)
    if kind == "everywhere":  # zero is a token as others are
        y = torch.where(torch.rand(y.shape) < 0.3, 0, y)

    def step(_):
        z, t = model(y[:, :-1]), y[:, 1:]
        if kind == "axis 1":
            return F.cross_entropy(z.transpose(1, 2), t)
        if kind == "time first":
            return F.cross_entropy(z.transpose(0, 1).reshape(-1, 7), t.t().reshape(-1))
        if kind == "ignored":
            return F.cross_entropy(z.reshape(-1, 7), t.reshape(-1), ignore_index=0)
        if kind == "masked":
            loss = F.cross_entropy(z.transpose(1, 2), t, reduction="none")
            return (loss * (t != 0)).sum() / (t != 0).sum()
        if kind == "end":  # one zero after each sequence is its end
            ends = (t != 0).sum(1)
            mask = torch.arange(t.shape[1]) <= ends[:, None]
            return F.cross_entropy(z.transpose(1, 2), t, reduction="none")[mask].mean()
        return F.cross_entropy(z.reshape(-1, 7), t.reshape(-1))

    return said(train(step, model), "padding_in_loss")


@pytest.mark.parametrize("kind", ["flat", "axis 1", "time first"])
def test_padding_that_counts(kind):
    assert "filler 0" in language(kind)[0]


@pytest.mark.parametrize("kind", ["ignored", "masked", "end", "everywhere"])
def test_padding_that_does_not_count(kind):
    assert not language(kind)


@pytest.mark.parametrize("masked", [True, False])
def test_padding_in_a_regression(masked):
    lengths = torch.tensor([5, 9, 7, 12, 12, 4, 6, 8])
    mask = torch.arange(12) < lengths[:, None]
    x = torch.randn(8, 12, 3)
    y = torch.randn(8, 12, 2) * mask[..., None]
    model = nn.Linear(3, 2)

    def step(_):
        loss = F.mse_loss(model(x), y, reduction="none" if masked else "mean")
        return (loss * mask[..., None]).sum() / mask.sum() if masked else loss

    assert bool(said(train(step, model), "padding_in_loss")) != masked


# class weights


def weighted(weights, share=0.1, by_hand=False):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(300, 6, generator=g)
    y = (torch.rand(300, generator=g) < share).long()
    model, w = nn.Linear(6, 2), torch.tensor(weights)

    def step(i):
        a, b = x[50 * i:50 * i + 50], y[50 * i:50 * i + 50]
        if by_hand:
            return (F.cross_entropy(model(a), b, reduction="none") * w[b]).mean()
        return F.cross_entropy(model(a), b, weight=w)

    return said(train(step, model), "class_weights")


def test_weights_that_make_the_rare_class_rarer():
    assert "small weight" in weighted([10.0, 1.1])[0]
    assert weighted([10.0, 1.1], by_hand=True)
    assert weighted([1.1, 10.0], share=0.9)
    assert not weighted([1.1, 10.0])
    assert not weighted([1.1, 10.0], by_hand=True)
    assert not weighted([10.0, 1.1], share=0.5)  # a sampler balances them
    assert not weighted([1.0, 1.0])


def test_inverse_counts_in_another_order():
    counts = torch.tensor([200, 100, 40, 20, 10])
    y = torch.arange(5).repeat_interleave(counts)[torch.randperm(370)]
    x, model = torch.randn(370, 6), nn.Linear(6, 5)

    def found(weight):
        def step(i):
            return F.cross_entropy(model(x[61 * i:61 * i + 61]), y[61 * i:61 * i + 61], weight=weight)
        return said(train(step, model), "class_weights")

    assert "order" in found((370 / counts)[[4, 2, 0, 1, 3]])[0]
    assert not found(370 / counts)
    assert not found((370 / counts).sqrt())


@pytest.mark.parametrize(("weight", "share", "wrong"), [
    (0.1, 0.1, True), (9.0, 0.1, False), (9.0, 0.9, True), (0.1, 0.9, False), (3.0, 0.5, False)])
def test_pos_weight(weight, share, wrong):
    x, y = torch.randn(200, 6), (torch.rand(200) < share).float()
    model = nn.Linear(6, 1)

    def step(_):
        return F.binary_cross_entropy_with_logits(model(x).squeeze(1), y, pos_weight=torch.tensor(weight))

    assert bool(said(train(step, model), "class_weights")) == wrong


# targets


X, Y = data()
NUMBERS = torch.randn(32, 4, generator=torch.Generator().manual_seed(2)) * 3
SEQ = torch.randn(5, 8, 6, generator=torch.Generator().manual_seed(3))
ONE_HOT = F.one_hot(torch.arange(40).reshape(5, 8) % 4, 4).float()


@pytest.mark.parametrize(("loss", "text"), [
    (lambda z: F.mse_loss(z.sigmoid(), NUMBERS), "sigmoid is the last layer"),
    (lambda z: F.mse_loss(z.tanh(), NUMBERS), "tanh is the last layer"),
    (lambda z: F.mse_loss(z.tanh(), NUMBERS / 20), ""),
    (lambda z: F.mse_loss(z.sigmoid(), NUMBERS.sigmoid()), ""),
    (lambda z: F.mse_loss(z, NUMBERS), ""),
    (lambda z: F.binary_cross_entropy_with_logits(z, NUMBERS.sign()), "wants 0 to 1"),
    (lambda z: F.binary_cross_entropy_with_logits(z, (NUMBERS > 0).float()), ""),
    (lambda z: F.soft_margin_loss(z, (NUMBERS > 0).float()), "wants -1 and 1"),
    (lambda z: F.soft_margin_loss(z, NUMBERS.sign()), ""),
    (lambda z: F.cosine_embedding_loss(z, NUMBERS, (Y % 2).float()), "wants -1 and 1"),
    (lambda z: F.cosine_embedding_loss(z, NUMBERS, 2.0 * (Y % 2) - 1), ""),
    (lambda z: F.cross_entropy(z, (NUMBERS > 0).float()), "right classes"),
    (lambda z: F.cross_entropy(z, F.one_hot(Y, 4).float()), ""),
    (lambda z: F.kl_div(z, NUMBERS.softmax(1), reduction="batchmean"), "raw logits"),
    (lambda z: F.kl_div(z.softmax(1), NUMBERS.softmax(1), reduction="batchmean"), "gets probabilities"),
    (lambda z: F.kl_div(z.log_softmax(1), NUMBERS.sigmoid(), reduction="batchmean"), "no distribution"),
    (lambda z: F.kl_div(z.log_softmax(1), NUMBERS.softmax(1), reduction="mean"), "4 classes"),
    (lambda z: F.kl_div(z.log_softmax(1), NUMBERS.softmax(1), reduction="batchmean"), ""),
    (lambda z: F.kl_div(z.log_softmax(1), NUMBERS.log_softmax(1), reduction="batchmean", log_target=True), ""),
    (lambda z: F.poisson_nll_loss(F.softplus(z), NUMBERS.abs().round()), "logarithm of the rate"),
    (lambda z: F.poisson_nll_loss(z, NUMBERS.abs().round()), ""),
])
def test_targets_that_do_not_suit(loss, text):
    model = nn.Linear(6, 4)
    found = said(train(lambda _: loss(model(X)), model), "loss_targets")
    assert bool(found) == bool(text), found
    assert not text or text in found[0]


def test_one_hot_rows_along_the_last_axis():
    model = nn.Linear(6, 4)
    report = train(lambda _: F.cross_entropy(model(SEQ), ONE_HOT), model)
    assert "last axis" in said(report, "loss_targets")[0]
    right = train(lambda _: F.cross_entropy(model(SEQ).transpose(1, 2), ONE_HOT.transpose(1, 2)), model)
    assert not said(right, "loss_targets")


@pytest.mark.parametrize("wrong", [True, False])
def test_ctc_on_logits(wrong):
    model = nn.Linear(6, 4)

    def step(_):
        z = model(SEQ.transpose(0, 1))
        z = z if wrong else z.log_softmax(2)
        return F.ctc_loss(z, torch.ones(5, 2, dtype=torch.long), torch.full((5, ), 8), torch.full((5, ), 2))

    assert bool(said(train(step, model), "loss_targets")) == wrong


# axes


@pytest.mark.parametrize(("loss", "text"), [
    (lambda z, y: F.binary_cross_entropy(z[:, :, :1].softmax(2).mean(1), y[:, :1].float() % 2), "length one"),
    (lambda z, y: F.nll_loss(F.log_softmax(z.view(5, 4, 8).view(-1, 4), 1), y.view(-1)), "mix 4 classes"),
    (lambda z, y: F.cross_entropy(z.transpose(1, 2).contiguous().view(-1, 4), y.view(-1)), "mix 4 classes"),
    (lambda z, y: F.cross_entropy(z.transpose(0, 1).reshape(-1, 4), y.reshape(-1)), "different orders"),
    (lambda z, y: F.cross_entropy(z.transpose(0, 1).reshape(-1, 4), y.t().reshape(-1)), ""),
    (lambda z, y: F.cross_entropy(z.reshape(-1, 4), y.reshape(-1)), ""),
    (lambda z, y: F.cross_entropy(z.transpose(1, 2), y), ""),
    (lambda z, y: F.nll_loss(z.flatten(0, 1).log_softmax(1), y.flatten()), ""),
])
@pytest.mark.filterwarnings("ignore")
def test_axes(loss, text):
    model = nn.Linear(6, 4)
    y = torch.arange(40).reshape(5, 8) % 4
    found = said(train(lambda _: loss(model(SEQ), y), model), "class_axis")
    assert bool(found) == bool(text), found
    assert not text or text in found[0]


@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_soft_max_without_an_axis():
    model = nn.Linear(6, 4)
    report = train(lambda _: F.softmax(model(SEQ))[..., 0].mean(), model)
    assert "takes axis 0" in said(report, "class_axis")[0]


# forms


@pytest.mark.parametrize("wrong", [True, False])
def test_a_focal_factor_of_the_mean(wrong):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))

    def step(_):
        ce = F.cross_entropy(model(X), Y, reduction="mean" if wrong else "none")
        return ((1 - torch.exp(-ce))**2 * ce).mean()

    assert bool(said(train(step, model), "focal_mean")) == wrong


@pytest.mark.parametrize("wrong", [True, False])
@pytest.mark.parametrize("own_product", [True, False])
def test_a_temperature_that_multiplies(wrong, own_product):
    model = nn.Linear(6, 4)
    views = torch.randn(24, 6)

    def step(_):
        a, b = F.normalize(model(views), dim=1), F.normalize(model(views + 0.1), dim=1)
        s = a @ b.t() if own_product else F.cosine_similarity(a[:, None], b[None], dim=2)
        return F.cross_entropy(s * 0.1 if wrong else s / 0.1, torch.arange(24))

    assert bool(said(train(step, model), "temperature")) == wrong


CONTRASTS = {
    "joined": lambda p, n: F.cross_entropy(torch.cat([p, n], 1), torch.zeros(24, dtype=torch.long)),
    "by hand": lambda p, n: -(p.exp() / (p.exp() + n.exp().sum(1, keepdim=True))).log().mean(),
    "as a sum": lambda p, n: -torch.log(p.exp() / torch.cat([p.exp(), n.exp()], 1).sum(1, keepdim=True)).mean(),
}


@pytest.mark.parametrize("factors", [(1.0, 10.0), (10.0, 1.0), (10.0, 10.0), (30.0, 30.0)])
@pytest.mark.parametrize("form", CONTRASTS)
def test_a_temperature_for_a_part_of_the_similarities(form, factors):
    model, views = nn.Linear(6, 4), torch.randn(24, 6)

    def step(_):
        a, b, c = (F.normalize(model(views + 0.1 * i), dim=1) for i in range(3))
        positive, negatives = (a * b).sum(1, keepdim=True), a @ c.t()
        return CONTRASTS[form](positive * factors[0], negatives * factors[1])

    assert bool(said(train(step, model), "temperature")) == (factors[0] != factors[1])


def test_two_losses_with_a_temperature_each():
    model, views = nn.Linear(6, 4), torch.randn(24, 6)

    def step(_):
        a, b = F.normalize(model(views), dim=1), F.normalize(model(views + 0.1), dim=1)
        both = [F.cross_entropy(a @ b.t() * scale, torch.arange(24), reduction="none") for scale in (5, 20)]
        return (both[0] + both[1]).mean()

    assert said(train(step, model), "temperature") == []


# smoothed labels


SMOOTH, LABELS = 0.1, 8
SMOOTHED = {  # right?, from one-hot labels y
    "eps / n": (True, lambda y: (1 - SMOOTH) * y + SMOOTH / LABELS),
    "eps / (n - 1)": (True, lambda y: (1 - SMOOTH) * y + (1 - y) * SMOOTH / (LABELS - 1)),
    "hard": (True, lambda y: y),
    "one side": (True, lambda y: (1 - SMOOTH) * y),
    "1 / n": (False, lambda y: (1 - SMOOTH) * y + 1 / LABELS),
}
USES = {
    "bce": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
    "by hand": lambda z, y: -(y * F.log_softmax(z, 1)).sum(1).mean(),
    "by hand, negative": lambda z, y: (-y * F.log_softmax(z, 1)).sum(1).mean(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", SMOOTHED)
def test_smoothed_labels(form, use):
    x, labels = data(classes=LABELS)
    right, smooth = SMOOTHED[form]
    y, model = smooth(F.one_hot(labels, LABELS).float()), nn.Linear(6, LABELS)
    assert bool(said(train(lambda _: USES[use](model(x), y), model), "loss_targets")) != right


def test_labels_smoothed_to_a_half():
    """Of each label by itself, as of many independent ones: 0.05 and 0.95."""
    x, labels = data(classes=20)
    y, model = F.one_hot(labels, 20) * 0.9 + 0.05, nn.Linear(6, 20)
    report = train(lambda _: F.binary_cross_entropy_with_logits(model(x), y), model)
    assert said(report, "loss_targets") == []


def test_mixed_labels_are_not_smoothed_ones():
    x, labels = data(classes=LABELS)
    y = F.one_hot(labels, LABELS).float()
    mixed, model = 0.7 * y + 0.3 * y.flip(0), nn.Linear(6, LABELS)
    assert said(train(lambda _: F.cross_entropy(model(x), mixed), model), "loss_targets") == []


@pytest.mark.parametrize(("form", "wrong"), [("over the batch", True), ("over latents", False),
                                             ("small weight", False), ("both over the batch", False)])
def test_a_divergence_that_is_summed_over_the_batch(form, wrong):
    x = torch.randn(64, 20)
    encoder, decoder = nn.Linear(20, 4), nn.Linear(2, 20)

    def step(_):
        mu, log_var = encoder(x).chunk(2, 1)
        out = decoder(mu + torch.randn_like(mu) * (0.5 * log_var).exp())
        error = ((out - x)**2).sum(1) / 0.2
        divergence = 1 + log_var - mu.pow(2) - log_var.exp()
        if form == "over latents":
            return (error - 0.5 * torch.sum(divergence, dim=1)).mean()
        whole = -0.5 * torch.sum(divergence)
        if form == "both over the batch":
            return error.sum() + whole
        return (error + (whole / 64 if form == "small weight" else whole)).mean()

    report = train(step, encoder, decoder, steps=80, optimizer=torch.optim.Adam, lr=3e-2)
    assert bool(said(report, "kl_weight")) == wrong


@pytest.mark.parametrize("form", ["mean and sum", "sums", "mean and mean"])
def test_the_divergence_of_an_autoencoder(form):
    x = torch.randn(64, 20)
    encoder, decoder = nn.Linear(20, 4), nn.Linear(2, 20)

    def step(_):
        mu, log_var = encoder(x).chunk(2, 1)
        out = decoder(mu + torch.randn_like(mu) * (0.5 * log_var).exp())
        if form == "mean and sum":
            return F.mse_loss(out, x) - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        if form == "sums":
            kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
            return (F.mse_loss(out, x, reduction="sum") + kl) / len(x)
        return F.mse_loss(out, x) + torch.mean(-0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=1))

    report = train(step, encoder, decoder, steps=80, optimizer=torch.optim.Adam, lr=3e-2)
    found = said(report, "kl_weight")
    assert bool(found) == (form == "mean and sum"), found
    assert not found or math.isclose(float(found[0].split("weighs ")[1].split(" ")[0]), 640, rel_tol=0.01)


def test_a_head_with_one_position_mixes_nothing():
    """Global pooling, as in SqueezeNet: (N, K, 1, 1) flattened to (N, K)."""
    x, y = torch.randn(8, 3, 6, 6), torch.arange(8) % 4
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))
    assert said(train(lambda _: F.cross_entropy(model(x).flatten(1), y), model), "class_axis") == []
    assert said(train(lambda _: F.cross_entropy(model(x).view(8, 4), y), model), "class_axis") == []


def test_attention_over_sequences_of_length_one_is_no_error():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.head = nn.Linear(6, 1), nn.Linear(6, 4)

        def forward(self, x):
            return self.head((self.score(x).softmax(1) * x).sum(1))

    x, y = data()
    model = Pooled()
    assert said(train(lambda _: F.cross_entropy(model(x[:, None]), y), model), "class_axis") == []


def test_a_model_that_ends_in_a_softmax_over_one_output_is_an_error():
    x, y = data()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1), nn.Softmax(1))
    report = train(lambda _: F.binary_cross_entropy(model(x).squeeze(1), (y > 0).float()), model)
    assert "always 1" in said(report, "class_axis")[0]
