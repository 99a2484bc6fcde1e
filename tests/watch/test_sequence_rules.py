"""Sequence models that run without an error and are wrong, and their mended twins."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets.watch import watch

SAMPLES, LENGTH, WORDS, DIM = 70, 9, 20, 8
RULES = ("batch_axis", "padding", "carried_state", "causal_dependence", "norm_options",
         "batch_independence", "attention_axis")


def tokens(padded=False):
    """(N, T) tokens; padded: with 0 behind each sequence's own length."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(3, WORDS, (SAMPLES, LENGTH), generator=rng)
    lengths = torch.randint(2, LENGTH, (SAMPLES, ), generator=rng)
    return x.masked_fill(torch.arange(LENGTH) >= lengths[:, None], 0) if padded else x


LENGTHS = (tokens(padded=True) != 0).sum(1)
LABELS = (tokens()[:, 0] > WORDS // 2).long()


def found(model, *data, loss=F.cross_entropy, **options):
    """(severity, rule) of what is said about two epochs; the last data is the target."""
    loader = DataLoader(TensorDataset(*data), **{"batch_size": 16, "shuffle": True, **options})
    with watch(select=RULES) as report:
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(2):
            for *inputs, target in loader:
                optimizer.zero_grad()
                loss(model(*inputs), target).backward()
                optimizer.step()
    assert not report.problem
    return [(one.severity, one.name) for one in report.findings if one.severity != "note"]


class Classifier(nn.Module):
    """Embedding, a layer that reads sequences, and a linear layer on what `take` makes of it."""

    def __init__(self, layer=nn.LSTM, take=lambda out: out[:, -1], before=lambda h: h,
                 classes=2, **options):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, classes)
        heads = (2, ) if layer is nn.MultiheadAttention else (DIM, )
        self.layer, self.take, self.before = layer(DIM, *heads, **options), take, before

    def forward(self, x):
        h = self.before(self.embedding(x))
        attends = isinstance(self.layer, nn.MultiheadAttention)
        return self.output(self.take((self.layer(h, h, h) if attends else self.layer(h))[0]))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN, nn.MultiheadAttention])
def test_batch_first_is_missing(layer):
    torch.manual_seed(0)
    assert found(Classifier(layer), tokens(), LABELS) == [("error", "batch_axis")]
    assert found(Classifier(layer, batch_first=True), tokens(), LABELS) == []


def test_batch_first_on_time_first_input():
    torch.manual_seed(0)

    def model(batch_first):
        return Classifier(take=lambda out: out[-1], before=lambda h: h.transpose(0, 1),
                          batch_first=batch_first)

    assert found(model(True), tokens(), LABELS) == [("error", "batch_axis")]
    assert found(model(False), tokens(), LABELS) == []


def test_a_tagger_read_along_the_batch():
    """Its outputs have the shape of a model that is fed time first; the loader tells them apart."""
    torch.manual_seed(0)

    def loss(z, y):
        return F.cross_entropy(z.flatten(0, 1), y.flatten())

    tags = (tokens() > WORDS // 2).long()
    assert found(Classifier(take=lambda out: out), tokens(), tags,
                 loss=loss) == [("error", "batch_axis")]
    assert found(Classifier(take=lambda out: out, batch_first=True), tokens(), tags, loss=loss) == []


class Table(nn.Module):
    """A recurrent layer on the rows of a table. axes: that are added in front of it."""

    def __init__(self, as_steps):
        super().__init__()
        self.layer, self.output = nn.LSTM(DIM, DIM, batch_first=True), nn.Linear(DIM, 2)
        self.as_steps = as_steps

    def forward(self, x):
        return self.output(self.layer(x)[0] if self.as_steps else
                           self.layer(x.unsqueeze(1))[0][:, 0])


def test_rows_of_a_table_as_one_sequence():
    x = torch.randn(SAMPLES, DIM, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    assert found(Table(as_steps=True), x, LABELS) == [("error", "batch_axis")]
    assert found(Table(as_steps=False), x, LABELS) == []


def test_last_sample_for_last_step():
    torch.manual_seed(0)
    take = Classifier(take=lambda out: out[-1], batch_first=True)
    assert found(take, tokens(), LABELS[:, None].expand(-1, LENGTH)[:, 0], batch_size=LENGTH,
                 drop_last=True) == [("error", "batch_axis")]


class Own(nn.Module):
    """Reads (N, T, D) and gives the layer's whole output and its state."""

    def __init__(self):
        super().__init__()
        self.layer, self.output = nn.GRU(DIM, DIM, batch_first=True), nn.Linear(DIM, 2)

    def forward(self, x, last=False):
        out, state = self.layer(x)
        newest = out[-1].mean(0, keepdim=True) if last else 0.0
        return self.output(state[0] + newest)


@pytest.mark.parametrize(("steps", "samples", "wrong"), [
    (1, SAMPLES, False),  # one look at the newest sample
    (9, SAMPLES, True),
    (9, LENGTH, True),  # sizes that do not tell, and samples that are mixed
])
def test_one_call_is_no_habit(steps, samples, wrong):
    torch.manual_seed(0)
    x, y = torch.randn(40, samples, LENGTH, DIM), torch.randint(2, (40, samples))
    model = Own()
    with watch(select=["batch_axis"]) as report:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(12):
            optimizer.zero_grad()
            F.cross_entropy(model(x[i], last=i < steps), y[i]).backward()
            optimizer.step()
    assert not report.problem
    assert [one.name for one in report.findings] == ["batch_axis"] * wrong


def test_one_sentence_at_a_time_has_no_batch():
    """(T,) words and a tag for each, as in the tutorials."""
    torch.manual_seed(0)
    model = Classifier(take=lambda out: out[:, 0], before=lambda h: h[:, None], classes=WORDS)
    with watch(select=RULES) as report:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(12):
            words = tokens()[i, :4 + i % 5]
            optimizer.zero_grad()
            F.cross_entropy(model(words), words).backward()
            optimizer.step()
    assert report.findings == []


class Packed(nn.Module):
    """A packed recurrent layer; `take(out, lengths, last state)` makes one vector of a sequence."""

    def __init__(self, take):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, DIM, padding_idx=0)
        self.layer, self.output = nn.GRU(DIM, DIM, batch_first=True), nn.Linear(DIM, 2)
        self.dropout, self.take = nn.Dropout(0.1), take

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True,
                                      enforce_sorted=False)
        out, state = self.layer(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return self.output(self.take(self.dropout(out), lengths, state))


def _all_steps(out, lengths, _):
    return sum((lengths > t).float()[:, None] * out[:, t] for t in range(out.shape[1]))


@pytest.mark.parametrize(("take", "severity"), [
    (lambda out, n, h: out[:, -1], "error"),
    (lambda out, n, h: out[..., -1, :], "error"),
    (lambda out, n, h: out.select(1, out.shape[1] - 1), "error"),
    (lambda out, n, h: out.transpose(0, 1)[-1], "error"),
    (lambda out, n, h: out[torch.arange(len(n)), n.clamp(max=out.shape[1] - 1)], "error"),
    (lambda out, n, h: out.mean(1), "warning"),
    (lambda out, n, h: out[torch.arange(len(n)), n - 1], None),
    (lambda out, n, h: out.gather(1, (n - 1)[:, None, None].expand(-1, 1, DIM))[:, 0], None),
    (lambda out, n, h: h[-1], None),
    (lambda out, n, h: out.sum(1) / n[:, None], None),
    (_all_steps, None),
])
def test_steps_of_a_padded_output(take, severity):
    torch.manual_seed(0)
    said = found(Packed(take), tokens(padded=True), LENGTHS, LABELS)
    assert said == ([(severity, "padding")] if severity else [])


class Encoder(nn.Module):
    """A transformer on padded tokens. hide: tokens -> key_padding_mask."""

    def __init__(self, hide, first=True):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, DIM, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True)
        self.output, self.hide, self.first = nn.Linear(DIM, 2), hide, first

    def forward(self, x):
        h = self.layer(self.embedding(x), src_key_padding_mask=self.hide(x))
        return self.output(h[:, 0] if self.first else h.mean(1))


@pytest.mark.parametrize(("model", "severity"), [
    (lambda: Encoder(lambda x: None), "warning"),
    (lambda: Encoder(lambda x: x == 0, first=False), "warning"),
    (lambda: Encoder(lambda x: x != 0), "error"),
    (lambda: Encoder(lambda x: x == 0), None),
])
def test_padding_of_a_transformer(model, severity):
    torch.manual_seed(0)
    said = found(model(), tokens(padded=True), LABELS)
    assert said == ([(severity, "padding")] if severity else [])


class Attention(nn.Module):
    """Attention as people write it. call, inverted: of its mask."""

    def __init__(self, call, inverted):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.call, self.inverted = call, inverted

    def forward(self, x):
        h, words = self.embedding(x), (x != 0)[:, None]
        words = ~words if self.inverted else words
        if self.call == "dot product":
            return self.output(F.scaled_dot_product_attention(h, h, h, attn_mask=words)[:, 0])
        scores = (h @ h.transpose(1, 2) / DIM**0.5).masked_fill(~words, -1e9)
        return self.output((scores.softmax(-1) @ h)[:, 0])


@pytest.mark.parametrize("call", ["dot product", "masked_fill"])
def test_mask_of_ones_own_attention(call):
    torch.manual_seed(0)
    x = tokens(padded=True)
    assert found(Attention(call, inverted=True), x, LABELS) == [("error", "padding")]
    assert found(Attention(call, inverted=False), x, LABELS) == []


class Stateful(nn.Module):
    """A layer that starts from the state that its last call left."""

    def __init__(self):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.layer, self.state = nn.GRU(DIM, DIM, batch_first=True), None

    def forward(self, x):
        if self.state is not None and self.state.shape[1] != len(x):
            self.state = None
        out, state = self.layer(self.embedding(x), self.state)
        self.state = state.detach()
        return self.output(out[:, -1])


@pytest.mark.parametrize("shuffle", [True, False])
def test_state_of_another_batch(shuffle):
    torch.manual_seed(0)
    said = found(Stateful(), tokens(), LABELS, shuffle=shuffle, drop_last=True)
    assert ([one for one in said if one[1] == "carried_state"] ==
            ([("warning", "carried_state")] if shuffle else []))


class LanguageModel(nn.Module):
    """One transformer layer. causal: with the mask; scores: what is made of (N, T, words)."""

    def __init__(self, causal, scores=lambda z: z):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, WORDS)
        self.layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True)
        self.causal, self.scores = causal, scores

    def forward(self, x):
        steps = x.shape[1]
        mask = torch.ones(steps, steps).triu(1).bool() if self.causal else None
        return self.scores(self.output(self.layer(self.embedding(x), src_mask=mask)))


def _each(z, y):
    return F.cross_entropy(z.flatten(0, 1), y.flatten())


def _shifted(z, y):
    return _each(z[:, :-1], y[:, 1:])


WHOLE, PADDED = tokens(), tokens(padded=True)


@pytest.mark.parametrize(("causal", "data", "loss", "wrong"), [
    (False, (WHOLE[:, :-1], WHOLE[:, 1:]), _each, True),
    (True, (WHOLE[:, :-1], WHOLE[:, 1:]), _each, False),
    (False, (WHOLE, WHOLE), _shifted, True),
    (True, (WHOLE, WHOLE), _shifted, False),
    (False, (PADDED[:, :-1], PADDED[:, 1:].masked_fill(PADDED[:, 1:] == 0, -100)), _each, True),
    (True, (WHOLE, WHOLE), _each, True),  # not shifted: it learns to copy
    (False, (WHOLE, WHOLE), _each, False),  # an autoencoder
])
def test_targets_of_language_models(causal, data, loss, wrong):
    torch.manual_seed(0)
    said = found(LanguageModel(causal), *data, loss=loss)
    assert said == ([("error", "causal_dependence")] if wrong else [])


def test_classes_on_axis_1():
    torch.manual_seed(0)
    model = LanguageModel(False, scores=lambda z: z.transpose(1, 2))
    assert found(model, WHOLE[:, :-1], WHOLE[:, 1:]) == [("error", "causal_dependence")]


@pytest.mark.parametrize(("causal", "wrong"), [(True, False), (False, True)])
def test_a_model_that_gives_its_own_loss_first(causal, wrong):
    class WithLoss(LanguageModel):
        def forward(self, x, y):
            scores = super().forward(x)
            return _each(scores, y), scores

    torch.manual_seed(0)
    inputs = WHOLE[:, :-1], WHOLE[:, 1:]
    said = found(WithLoss(causal), *inputs, torch.zeros(len(WHOLE)), loss=lambda out, _: out[0])
    assert said == ([("error", "causal_dependence")] if wrong else [])


@pytest.mark.parametrize("causal", [True, False])
def test_forecasts_see_only_the_past(causal):
    class Forecast(LanguageModel):
        def __init__(self):
            super().__init__(causal)
            self.embedding, self.output = nn.Linear(2, DIM), nn.Linear(DIM, 2)

    rng = torch.Generator().manual_seed(0)
    walk = torch.randn(SAMPLES, LENGTH, 2, generator=rng).cumsum(1)
    torch.manual_seed(0)
    said = found(Forecast(), walk[:, :-1], walk[:, 1:], loss=F.mse_loss)
    assert said == ([] if causal else [("error", "causal_dependence")])


@pytest.mark.parametrize(("norm", "wrong"), [
    (nn.BatchNorm1d(DIM, 0.8), True),
    (nn.BatchNorm1d(DIM, momentum=0.99), True),
    (nn.BatchNorm1d(DIM, 1e-3, 0.01), False),
    (nn.BatchNorm1d(DIM, momentum=None), False),
])
def test_options_of_batch_norm(norm, wrong):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(DIM, DIM, bias=False), norm, nn.ReLU(), nn.Linear(DIM, 2))
    x = torch.randn(SAMPLES, DIM, generator=torch.Generator().manual_seed(0))
    assert found(model, x, LABELS) == ([("warning", "norm_options")] if wrong else [])


class Placed(nn.Module):
    """A transformer with positions along an axis: 1 is right."""

    def __init__(self, axis):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True)
        self.register_buffer("positions", torch.randn(50, DIM))
        self.axis = axis

    def forward(self, x):
        places = self.positions[:x.shape[self.axis]]
        places = places[:, None] if self.axis == 0 else places
        return self.output(self.layer(self.embedding(x) + places).mean(1))


def test_positions_along_the_batch():
    torch.manual_seed(0)
    assert found(Placed(0), tokens(), LABELS) == [("error", "batch_independence")]
    assert found(Placed(1), tokens(), LABELS) == []


class Scores(nn.Module):
    """Attention of one's own; `mix(scores, h)` makes new vectors."""

    def __init__(self, mix):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.query, self.key, self.mix = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM), mix

    def forward(self, x):
        h = self.embedding(x)
        scores = self.query(h) @ self.key(h).transpose(1, 2) / DIM**0.5
        return self.output(self.mix(scores, h).mean(1))


def _normed(scores, h):
    """Slots that compete for positions, each then normed."""
    weights = scores.softmax(1)
    return (weights / weights.sum(-1, keepdim=True)) @ h


@pytest.mark.parametrize(("mix", "wrong"), [
    (lambda s, h: s.softmax(1) @ h, True),
    (lambda s, h: torch.bmm(F.dropout(s.softmax(1), 0.1), h), True),
    (lambda s, h: torch.einsum("bij,bjd->bid", s.softmax(1), h), True),
    (lambda s, h: torch.bmm(h.transpose(1, 2), s.softmax(-1)).transpose(1, 2), True),
    (lambda s, h: s.softmax(-1) @ h, False),
    (lambda s, h: torch.einsum("bij,bjd->bid", s.softmax(2), h), False),
    (lambda s, h: torch.bmm(h.transpose(1, 2), s.softmax(-1).permute(0, 2, 1)).mT, False),
    (_normed, False),
])
def test_axis_of_attention_weights(mix, wrong):
    torch.manual_seed(0)
    assert found(Scores(mix), tokens(), LABELS) == ([("warning", "attention_axis")] if wrong else [])


class Begun(nn.Module):
    """An LSTM whose state begins as `start(shape)` says."""

    def __init__(self, start):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.layer, self.start = nn.LSTM(DIM, DIM, batch_first=True), start

    def forward(self, x):
        shape = (1, len(x), DIM)
        state = self.start(self, shape)
        return self.output(self.layer(self.embedding(x), (state, torch.zeros(shape)))[0][:, -1])


def evaluated(model, rules):
    """Names of what is said about one epoch with an evaluation."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(tokens(), LABELS), batch_size=16, shuffle=True)
    with watch(select=rules) as report:
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(2):
            model.train()
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                model(tokens())
    assert not report.problem
    return [one.name for one in report.findings if one.severity != "note"]


@pytest.mark.parametrize(
    ("start", "wrong"),
    [
        (lambda m, shape: torch.randn(shape), True),
        (lambda m, shape: torch.randn(shape).to("cpu"), True),
        (lambda m, shape: nn.init.xavier_normal_(torch.empty(shape)), True),
        (lambda m, shape: torch.zeros(shape), False),
        (lambda m, shape: torch.randn(shape) if m.training else torch.zeros(shape), False),
    ],
)
def test_states_that_are_drawn_for_each_call(start, wrong):
    assert evaluated(Begun(start), ["random_states"]) == (["random_states"] if wrong else [])


class Encoded(nn.Module):
    """A transformer with a buffer of positions; `add(h, buffer)` uses it."""

    def __init__(self, add, causal=False):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True)
        self.register_buffer("pe", torch.randn(1, 50, DIM))
        self.add, self.causal = add, causal

    def forward(self, x):
        h = self.add(self.embedding(x), self.pe)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        return self.output(self.layer(h, src_mask=mask).mean(1))


@pytest.mark.parametrize(
    ("add", "wrong"),
    [
        (lambda h, pe: h + pe[:, h.shape[1]], True),
        (lambda h, pe: h, True),
        (lambda h, pe: h + pe[:, : h.shape[1]], False),
    ],
)
def test_positions_that_say_nothing(add, wrong):
    assert evaluated(Encoded(add), ["token_order"]) == (["token_order"] if wrong else [])


def test_a_bag_of_words_claims_no_order():
    torch.manual_seed(0)
    bag = nn.Sequential(nn.EmbeddingBag(WORDS, DIM), nn.Linear(DIM, 2))
    assert evaluated(bag, ["token_order"]) == []
    # a causal mask tells the order by itself
    assert evaluated(Encoded(lambda h, pe: h, causal=True), ["token_order"]) == []


class Padded(nn.Module):
    """Mean of a transformer over true tokens, with positions as `places(mask)` counts them."""

    def __init__(self, places):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.positions, self.places = nn.Embedding(LENGTH, DIM), places
        self.layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, x, mask):
        h = self.embedding(x) + self.positions(self.places(mask))
        h = self.layer(h, src_key_padding_mask=~mask) * mask[..., None]
        return self.output(h.sum(1) / mask.sum(1, keepdim=True))


@pytest.mark.parametrize(
    ("places", "wrong"),
    [
        (lambda mask: torch.arange(mask.shape[1]).expand(mask.shape), True),
        (lambda mask: (mask.long().cumsum(1) - 1).clamp(min=0), False),
    ],
)
def test_positions_behind_padding_in_front(places, wrong):
    torch.manual_seed(0)
    x = tokens(padded=True).flip(1)
    assert found(Padded(places), x, x != 0, LABELS) == ([("warning", "padding")] if wrong else [])


class Additive(nn.Module):
    """One score for each state of a GRU."""

    def __init__(self, axis):
        super().__init__()
        self.embedding, self.output = nn.Embedding(WORDS, DIM), nn.Linear(DIM, 2)
        self.layer, self.score = nn.GRU(DIM, DIM, batch_first=True), nn.Linear(DIM, 1)
        self.axis = axis

    def forward(self, x):
        h = self.layer(self.embedding(x))[0]
        return self.output((self.score(h).softmax(self.axis) * h).sum(1))


def test_a_softmax_over_the_one_score_of_each_state():
    assert evaluated(Additive(-1), ["class_axis"]) == ["class_axis"]
    assert evaluated(Additive(1), ["class_axis"]) == []
