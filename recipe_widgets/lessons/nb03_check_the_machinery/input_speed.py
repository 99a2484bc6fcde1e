"""Where the time goes: pictures one at a time through PIL, ways to read, time to learn. (Notebook
03, section 7.)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from tqdm import tqdm

from recipe_widgets.core import Settings, Step
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data, Split
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import evaluate, train
from recipe_widgets.training.validation import stratified_subset


class PilDataset(Dataset[Any]):
    """One PIL picture at a time through torchvision transforms, as most tutorials have it."""

    def __init__(self, split: Split, n: int) -> None:
        from PIL import Image
        from torchvision import transforms

        self.split, self.n, self._image = split, n, Image
        self.prepare = transforms.Compose(
            [transforms.ToTensor(),
             transforms.Normalize(split.mean, split.std)])

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        array = self.split.x[index].permute(1, 2, 0).numpy()  # (H, W, C) bytes
        picture = self._image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array)
        return self.prepare(picture), int(self.split.y[index])


@dataclass(frozen=True)
class Reading:
    """Milliseconds per 1000 pictures, and kilobytes of 1000, by way of storing them."""

    ms: dict[str, float]
    kilobytes: dict[str, float]
    picture: Picture

    def __str__(self) -> str:
        rows = [f"{name:<26} {self.ms[name]:8.3g} ms  {self.kilobytes[name]:8.0f} kB   "
                "per 1,000 pictures" for name in self.ms]
        slow, fast = max(self.ms, key=lambda name: self.ms[name]), "one array on disk"
        rows.append(f"{slow.capitalize()} takes {self.ms[slow] / self.ms[fast]:.0f} times as long as "
                    f"{fast}, which the system may hold in its cache.")
        return "\n".join(rows)


@validated
def ways_to_read(data: Data, n: Annotated[int, whole(1, 10**7)] = 500) -> Reading:
    """The same n pictures, or all where there are fewer, from single compressed files, from one file
    of bytes, from memory, and at half the resolution.
    """
    from PIL import Image

    x = data.train.x[:n]
    n = len(x)
    # (H, W) or (H, W, 3), as PIL wants it
    arrays = [image.permute(1, 2, 0).numpy().squeeze() for image in x]
    with tempfile.TemporaryDirectory() as folder:
        sizes: dict[str, int] = {}
        readers: dict[str, Callable[[], Any]] = {}
        for kind in ("png", "jpeg"):
            name = f"one {kind} file each"
            sizes[name] = 0
            for number, array in enumerate(arrays):
                file = Path(folder, f"{number}.{kind}")
                Image.fromarray(array).save(file, kind)
                sizes[name] += file.stat().st_size
            readers[name] = partial(_decode, Path(folder), kind, n)
        whole_set = Path(folder, "all.npy")
        np.save(whole_set, x.numpy())
        readers["one array on disk"] = lambda: torch.from_numpy(np.load(whole_set)).float()
        readers["bytes in memory"] = lambda: x.float()
        half = F.avg_pool2d(x.float(), 2).byte()  # (n, C, H/2, W/2): a quarter of the bytes
        readers["half resolution in memory"] = lambda: half.float()
        sizes |= {"one array on disk": x.numel(), "bytes in memory": x.numel(),
                  "half resolution in memory": half.numel()}  # a byte for each pixel and channel
        # seconds for n -> milliseconds for 1,000
        ms = {name: _best_of(read) * 1e6 / n for name, read in readers.items()}
    return Reading(ms, {name: sizes[name] / n for name in ms}, _reading_picture(ms, data.name))


def _reading_picture(ms: dict[str, float], name: str) -> Picture:
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(ms.values()), list(ms), "o", color=PALETTE[0])  # a log axis has no 0 for bars
    factor = max(ms.values()) / ms["one array on disk"]
    axes.set(xlabel="milliseconds to read 1,000 pictures", xscale="log",
             title=f"{name}: single files take {factor:.0f} times as long as one array")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    words = "; ".join(f"{way}: {value:.3g} ms" for way, value in ms.items())
    return Picture(figure, f"Milliseconds to read 1,000 pictures of {name}. {words}.")


def _decode(folder: Path, kind: str, n: int) -> list[Any]:
    from PIL import Image

    return [np.asarray(Image.open(folder / f"{number}.{kind}")) for number in range(n)]


def _best_of(read: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the fastest of three."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        read()
        found.append(time.perf_counter() - began)
    return min(found)  # the least disturbed by what else the machine does


@dataclass(frozen=True)
class Milestones:
    """Steps and seconds until the first pattern (twice the accuracy of a guess) and until
    convergence, one per seed.
    """

    name: str
    first: tuple[tuple[int, float], ...]
    converged: tuple[tuple[int, float], ...]
    final: tuple[float, ...]

    def __str__(self) -> str:
        def span(values: Sequence[float], form: str) -> str:
            if min(values) == max(values):
                return f"{min(values):{form}}"
            return f"{min(values):{form}} to {max(values):{form}}"

        lines = []
        for what, pairs in (("first pattern", self.first), ("convergence", self.converged)):
            if pairs:
                steps, seconds = zip(*pairs, strict=True)
                lines.append(f"{self.name}: {what} after {span(steps, 'd')} steps, "
                             f"{span(seconds, '.2f')} s ({len(pairs)} of {len(self.final)} seeds)")
            else:
                lines.append(f"{self.name}: {what} not within the run")
        lines.append(f"{self.name}: best accuracy seen {span(self.final, '.1%')}")
        if len(self.first) == len(self.converged) == len(self.final):
            shares = [early / late for (early, _), (late, _)
                      in zip(self.first, self.converged, strict=True)]
            lines.append(f"{self.name}: the first pattern took {span(shares, '.0%')} of the steps "
                         "that convergence took")
        return "\n".join(lines)


class _Watch:
    """Looks at the model now and then; its clock stands still meanwhile. `seen`: (steps,
    seconds, accuracy).
    """

    def __init__(self, model: nn.Module, split: Split, every: int) -> None:
        self.model, self.split, self.every = model, split, every
        self.seen: list[tuple[int, float, float]] = []
        # seconds of training, without the looks
        self._spent, self._began = 0.0, time.perf_counter()

    def __call__(self, step: Step) -> bool:
        if (step.index + 1) % self.every == 0:
            self.look(step.index + 1)
        return False

    def look(self, steps: int) -> None:
        self._spent += time.perf_counter() - self._began
        self.seen.append((steps, self._spent, evaluate(self.model, self.split).accuracy))
        self._began = time.perf_counter()


@validated
def milestones(data: Data, settings: Settings, seeds: Annotated[int, whole(1, 1000)] = 3,
               every: Annotated[int, whole(1)] = 10,
               look: Annotated[int, whole(1)] = 500) -> Milestones:
    """When does the network find a first pattern (twice chance), when is it within 2 points of its
    best?

    Looks at `look` validation samples every `every` steps; the time of the looks does not count.
    """
    held = stratified_subset(data.validation, look)
    first: list[tuple[int, float]] = []  # (steps, seconds) of each seed that came so far
    converged: list[tuple[int, float]] = []
    final = []
    for seed in tqdm(range(seeds), desc=data.name, unit="seed", leave=False):
        chosen = settings.replace(seed=seed, eval_every=max(1, settings.max_steps),
                                  eval_samples=look)
        net = build_model(chosen, data.shape, data.num_classes)
        watch = _Watch(net, held, every)
        run = train(data, chosen, net, until=watch)
        watch.look(run.steps_done)  # the last step is not asked for its opinion
        seen = watch.seen
        best = max(accuracy for *_, accuracy in seen)
        for found, level in ((first, 2 / data.num_classes), (converged, best - 0.02)):
            found += [(steps, seconds) for steps, seconds, accuracy in seen if accuracy >= level][:1]
        final.append(best)
    return Milestones(data.name, tuple(first), tuple(converged), tuple(final))
