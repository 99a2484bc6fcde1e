"""Timing with a clock of our own, and the range test on problems whose limit is known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets import RecipeError, Settings, checks

from .models import D, K, Lambda, batches, mlp, step
from .test_subject_report import Kept, Stubborn, same, state

CE = F.cross_entropy


class Clock:
    """Time that passes only where it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        def hook(*_):
            self.now += seconds

        return hook


class Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, hook):
        ctx.hook = hook
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        ctx.hook()
        return grad, None


def timed(forward, backward, update, data, **options):
    """The result where each part takes so many seconds."""
    clock = Clock()

    def make():
        def pass_time(x):
            clock.now += forward
            return Slow.apply(x, clock.passes(backward))

        return nn.Sequential(nn.Linear(D, K), Lambda(pass_time))

    class Loader:
        def __iter__(self):
            for pair in batches():
                clock.now += data
                yield pair

        def __len__(self):
            return 8

    def optimizer(model):
        made = torch.optim.SGD(model.parameters(), 0.1)
        made.register_step_post_hook(clock.passes(update))
        return made

    return checks.timing(make, Loader(), CE, optimizer=optimizer, clock=clock, seconds=1e9,
                         **options)


def test_timing_tells_the_parts_apart():
    got = timed(0.010, 0.030, 0.004, 0.001)
    assert got.details["ms"] == pytest.approx(
        {"data": 1.0, "forward": 10.0, "backward": 30.0, "step": 4.0})
    assert (got.status, got.measured) == ("pass", pytest.approx(45.0))
    assert got.details["dominates"] == "backward"
    assert got.details["epoch_s"] == pytest.approx(8 * 0.045)


def test_a_slow_step_is_trouble_and_slow_data_are_noted():
    slow = timed(0.5, 0.3, 0.01, 0.01, epochs=100)
    assert slow.status == "warn"
    assert slow.details["run_s"] == pytest.approx(100 * 8 * 0.82)
    waiting = timed(0.01, 0.01, 0.01, 0.2)
    assert (waiting.status, waiting.details["dominates"]) == ("note", "data")


def test_a_device_that_computes_behind_pythons_back_is_waited_for(monkeypatch):
    """A device that queues what it is told: time passes only when somebody waits for it."""
    import sys

    clock, queued = Clock(), [0.0]

    def queue(seconds):
        def hook(*_):
            queued[0] += seconds

        return hook

    def wait(_target):
        clock.now += queued[0]
        queued[0] = 0.0

    monkeypatch.setattr(sys.modules["recipe_widgets.checks.step_timing"], "_wait", wait)

    def make():
        def forward(x):
            queued[0] += 0.02
            return Slow.apply(x, queue(0.05))

        return nn.Sequential(nn.Linear(D, K), Lambda(forward))

    got = checks.timing(make, batches(), CE, clock=clock, seconds=1e9)
    assert got.details["ms"] == pytest.approx(
        {"data": 0.0, "forward": 20.0, "backward": 50.0, "step": 0.0})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_parts_are_waited_for():
    """The device's own events count as many milliseconds of forward pass as the check says."""
    model, x = nn.Sequential(*[nn.Linear(4096, 4096)
                               for _ in range(20)]).cuda(), torch.randn(4096, 4096)
    got = checks.timing(model, [(x, x)], F.mse_loss,
                        optimizer=lambda m: torch.optim.SGD(m.parameters(), 1e-9))
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    inside = x.cuda()
    start.record()
    model(inside)
    end.record()
    torch.cuda.synchronize()
    assert got.details["ms"]["forward"] == pytest.approx(start.elapsed_time(end), rel=0.5)


def test_timing_stops_early_and_knows_what_it_cannot_know():
    clock = Clock()
    seen = []
    model = nn.Sequential(nn.Linear(D, K),
                          Lambda(lambda x: (seen.append(clock.passes(3.0)()), x)[1]))
    got = checks.timing(model, iter(batches()), CE, clock=clock, seconds=5.0)
    assert len(seen) == 1 + 2  # one pass of the subject itself, then two steps of three seconds
    assert "data" not in got.details["ms"]
    assert got.details["epoch_s"] is None
    with pytest.raises(RecipeError, match="steps"):
        checks.timing(mlp(), batches(), CE, steps=0)


def test_a_source_that_runs_dry_is_not_asked_for_ever():
    class Once:
        def __init__(self):
            self.left = iter(batches())

        def __iter__(self):
            return self.left

    assert checks.timing(mlp(), Once(), CE).details["ms"]["forward"] > 0
    assert checks.lr_finder(mlp(), Once(), CE).measured is not None


def test_timing_of_our_own_data(blobs):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    got = checks.timing(model, blobs, CE, batch_size=50)
    assert got.details["steps_per_epoch"] == blobs.train.size // 50
    assert set(got.details["ms"]) == {"data", "forward", "backward", "step"}


def test_in_run_all_timing_only_notes(monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["recipe_widgets.rules.timing"], "SLOW_MS", 0.0)
    assert checks.timing(mlp(), batches(), CE).status == "warn"
    report = checks.run_all(mlp(), batches(), CE, only=[checks.timing], progress=False)
    assert report["timing"].status == "note"


class Bowl(nn.Module):
    """Loss 0.5 · steepness · |w|²: plain gradient descent diverges where lr > 2 / steepness."""

    def __init__(self, steepness):
        super().__init__()
        self.w = nn.Parameter(torch.linspace(0.5, 1.5, 10))
        self.steepness = steepness

    def forward(self, x):
        return 0.5 * self.steepness * (self.w**2).sum() + 0 * x.sum()


def bowl(steepness):
    return checks.lr_finder(lambda: Bowl(steepness), [(torch.ones(2, 1), torch.ones(2))],
                            lambda z, y: z, low=1e-7, high=100, steps=200,
                            optimizer=lambda m: torch.optim.SGD(m.parameters(), 1.0))


@pytest.mark.parametrize("steepness", [0.1, 1.0, 100.0])
def test_the_finder_stays_below_the_known_limit(steepness):
    got = bowl(steepness)
    assert got.status == "note"
    assert 0.02 / steepness < got.measured < 2 / steepness
    assert got.details["diverges"] is None or got.details["diverges"] > 2 / steepness


def test_a_hundred_times_steeper_wants_a_hundredth_of_the_rate():
    assert bowl(1.0).measured / bowl(100.0).measured == pytest.approx(100, rel=0.25)


def test_nothing_learnt_gives_no_suggestion():
    noise = lambda z, y: (z * 0).sum() + 1.0 + 0 * z.sum()  # noqa: E731
    got = checks.lr_finder(mlp, batches(), noise)
    assert (got.status, got.measured) == ("note", None)
    assert "no learning rate" in got.message


@pytest.mark.parametrize("kind", [Kept, Stubborn])
def test_the_finder_leaves_no_trace(kind):
    torch.manual_seed(1)
    model, data = kind(), batches()
    model.drop.eval()
    optimizer = torch.optim.SGD(
        [{"params": model.a.parameters(), "lr": 0.1},
         {"params": [*model.norm.parameters(), *model.b.parameters()], "lr": 0.01}], momentum=0.9)
    step(model, optimizer, *data[0])
    g = torch.Generator().manual_seed(3)
    loader = DataLoader(
        TensorDataset(torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])), 20,
        shuffle=True, generator=g)
    before, drawn = state(model, optimizer, data), g.get_state()
    got = checks.lr_finder(model, loader, CE, optimizer=optimizer)
    assert same(before, state(model, optimizer, data))
    assert torch.equal(drawn, g.get_state())
    assert got.measured is not None, got


def test_the_finder_repeats_itself_and_takes_settings(blobs):
    settings = Settings(width=16, batch_size=32)
    one, two = (checks.lr_finder(settings, blobs) for _ in range(2))
    assert one.measured == two.measured
    assert np.array_equal(one.details["loss"], two.details["loss"])
    assert 1e-3 < one.measured < 2
    assert checks.lr_finder(settings.replace(optimizer="adam"), blobs).measured < one.measured


@pytest.mark.parametrize(("args", "options", "text"),
                         [((mlp, None, CE), {}, "NoneType"), ((mlp, batches()), {}, "loss_fn"),
                          ((mlp, batches(), CE), {"low": 0.0}, "low"),
                          ((mlp, batches(), CE), {"low": 1.0, "high": 0.1}, "low"),
                          ((mlp, batches(), CE), {"steps": 5}, "from 20"),
                          ((mlp, batches(), CE), {"high": float("inf")}, "high"),
                          ((Settings(), batches()), {}, "our Data"),
                          ((3, batches(), CE), {}, "nn.Module")])
def test_bad_input_of_the_finder(args, options, text):
    with pytest.raises(RecipeError, match=text):
        checks.lr_finder(*args, **options)


def test_lbfgs_has_no_rate_to_find():
    got = checks.lr_finder(mlp, batches(), CE,
                           optimizer=lambda m: torch.optim.LBFGS(m.parameters()))
    assert got.status == "skip"
