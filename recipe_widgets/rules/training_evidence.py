"""Evidence of a training script that was watched, where several rules need it: plain numbers.

A line is "file:line" of the script; empty where it is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recipe_widgets.rules.evidence import Outputs

Labels = npt.NDArray[np.int64]  # (N,)
FIRST_STEPS = 400  # later on, gradients of rounding errors only may be left
FEWEST_KNOWN, KNOWN_SHARE = 2, 0.6  # of the passes, before a loss is said to be of a known kind
FEWEST_LOSSES = 20  # before the course of a training tells anything
FLAT = 0.05  # of the first loss; a fall by less is none
# Of accuracies above chance: what a probe of the evaluation must reach, and the share of it below
# which one of the training samples learns much less.
TELLING, MUCH_LESS = 0.25, 0.45
_SCALE_FREE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta",
               "Adafactor", "Rprop", "LBFGS", "Muon", "SparseAdam")
_SCALE_FREE_PARTS = ("Adam", "Lion", "Lamb", "LAMB", "RMS")


def scale_free(optimizer: str) -> bool:
    """Is the step of this optimiser nearly the same when the loss is multiplied by a number?"""
    return optimizer in _SCALE_FREE or any(part in optimizer for part in _SCALE_FREE_PARTS)


@dataclass(frozen=True)
class GradientHistory:
    """What happened to the gradients of one optimiser.

    Attributes:
        optimizer: name of its class. by_hand: there is none, the script moves its parameters.
        groups: how often a step used so many backward passes, by their lines:
            ((line, count), ...) -> steps.
        stale: steps whose gradients held those of an earlier step.
        replaced: steps on gradients that the script has put in the place of those of a pass.
        cleared_early: steps on gradients that were cleared after backward.
        dropped: passes whose gradients were cleared unused, by line -> (times, passes).
        clips: clippings by what the gradients were: "clean" (none yet), "fresh", "used" (after the
            step), "mixed". clipped_scaled: of gradients still multiplied by a GradScaler.
        changed: did any parameter move? finished: did the script come to its own end?
        eval_lines: lines of backward passes that ran while the model was in eval mode.
        leftovers: steps that added to gradients of a pass on which another optimiser had stepped;
            of a network that gets the output of another one, as a discriminator does.
        unseen: steps that were only counted, late in a long run.
    """

    optimizer: str = ""
    by_hand: bool = False
    steps: int = 0
    backwards: int = 0
    stale: int = 0
    cleared_early: int = 0
    groups: Counter[tuple[tuple[str, int], ...]] = field(default_factory=Counter)
    dropped: Mapping[str, Sequence[int]] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)
    clipped_scaled: int = 0
    changed: bool = False
    finished: bool = True
    eval_lines: frozenset[str] = frozenset()
    backward_line: str = ""
    clear_line: str = ""
    clip_line: str = ""
    replaced: int = 0
    leftovers: int = 0
    unseen: int = 0

    @property
    def looked(self) -> int:
        """Steps that were looked at."""
        return self.steps - self.unseen

    @property
    def of_steps(self) -> str:
        """ "of 60 steps", or of how many that were looked at."""
        return f"of {self.looked} steps{' that were looked at' if self.unseen else ''}"

    @property
    def passes_per_step(self) -> int:
        """Backward passes of one line that usually enter a step; 1 without accumulation."""
        usual = self.groups.most_common(1)
        return max((count for _, count in usual[0][0]), default=1) if usual else 1


@dataclass(frozen=True)
class TrainingModes:
    """In which mode a model was trained.

    Attributes:
        runs: (training mode?, training steps in a row), in order.
        mode_layers: class names of dropout and norm layers that the mode changes.
    """

    runs: Sequence[tuple[bool, int]]
    mode_layers: Sequence[str]

    @property
    def eval_steps(self) -> int:
        return sum(steps for training, steps in self.runs if not training)

    @property
    def steps(self) -> int:
        return sum(steps for _, steps in self.runs)

    @property
    def in_turn(self) -> bool:
        """Do training and eval mode take turns?"""
        modes = [training for training, _ in self.runs]
        return modes.count(False) >= 2 and modes.count(True) >= 2


@dataclass(frozen=True)
class LossPass:
    """One backward pass, as seen at the tensor z (N, K, ...) or (N, 1) that enters the loss.

    Attributes:
        kind: cross_entropy, nll, bce_logits, bce, regression, coupled (a log-sum-exp over the
            batch), broadcast, other. Found from the gradient, not from a name.
        scale: gradient as a multiple of that of the mean loss of this kind; None when it is no
            multiple.
        samples, classes: N, K (0 where there are none). value: the loss, with all its terms.
        mean_loss: of this kind, at z: the value of this term before any factor; NaN where unknown.
        zero: the gradient at z is exactly zero. made_by: the operation that made z.
        scalars: operations on the finished number. weighted: by class weights or pos_weight.
        below: share of targets under zero. target_mean, target_std: of targets.
        mean, std: of z. index_classes: a regression whose targets are class numbers 0..m-1; then m.
        has_bias: of the last layer.
        coarse: half precision, so that gradients are known to a few percent only.
    """

    kind: str
    step: int
    scale: float | None
    samples: int
    classes: int
    zero: bool
    value: float
    outputs: Outputs
    made_by: str = ""
    scalars: tuple[str, ...] = ()
    weighted: bool = False
    below: float = 0.0
    target_mean: float = 0.0
    target_std: float = 1.0
    mean: float = 0.0
    std: float = 0.0
    index_classes: int = 0
    has_bias: bool = True
    coarse: bool = False
    mean_loss: float = float("nan")


@dataclass(frozen=True)
class WatchedLoss:
    """The passes of one loss of a script, in order.

    Attributes:
        passes_per_step: backward passes that enter a step.
        optimizer: name of its class. clipped: are gradients clipped?
        several: train several optimisers and several losses at once, as in a GAN?
        hits_counted: does the evaluation count exact hits?
        weights_loaded: were weights loaded, so that the first loss says nothing?
        rate: learning rate of the optimiser, the smallest of its groups. falls: does the loss?
    """

    passes: Sequence[LossPass]
    passes_per_step: int = 1
    optimizer: str = "SGD"
    clipped: bool = False
    several: bool = False
    hits_counted: bool = False
    weights_loaded: bool = False
    rate: float = float("inf")
    falls: bool = False

    @property
    def kind(self) -> str:
        """Of the first pass."""
        return self.passes[0].kind if self.passes else ""

    @property
    def known_passes(self) -> list[LossPass]:
        """First passes whose gradient is a multiple of that of the mean loss; empty where most are
        no multiple, or where several losses train at once.
        """
        early = [one for one in self.passes if one.step < FIRST_STEPS]
        known = [one for one in early if one.scale is not None]
        enough = len(known) >= max(FEWEST_KNOWN, KNOWN_SHARE * len(early))
        return known if enough and not self.several else []


@dataclass(frozen=True)
class StepMeasurement:
    """One look at a step: norms of gradient and weights, settings, and eps as a multiple of the
    gradients' size.
    """

    step: int
    gradient: float
    weight: float
    lr: float
    decay: float = 0.0
    eps_share: float = 0.0


@dataclass(frozen=True)
class StepSizes:
    """How far the steps of one optimiser move its weights, and what its loss does meanwhile.

    Attributes:
        ratios: ‖change‖ / ‖weights‖ of each tensor, one number a measurement.
        losses: of its backward passes. several: other optimisers train against this one, so that
            its losses need not fall.
    """

    optimizer: str
    ratios: Mapping[str, Sequence[float]]
    losses: Sequence[float]
    measurements: Sequence[StepMeasurement]
    several: bool = False

    @property
    def finite(self) -> list[float]:
        return [value for value in self.losses if np.isfinite(value)]

    @property
    def can_tell(self) -> bool:
        return len(self.finite) >= FEWEST_LOSSES and bool(self.ratios) and bool(self.measurements)

    @property
    def first_loss(self) -> float:
        """Median of the first five."""
        return float(np.median(self.finite[:5]))

    @property
    def last_loss(self) -> float:
        """Median of the last tenth, five at least."""
        return float(np.median(self.finite[-max(5, len(self.finite) // 10):]))

    @property
    def flat(self) -> bool:
        """Has the loss fallen by less than a twentieth?"""
        return self.last_loss > self.first_loss - FLAT * max(abs(self.first_loss), 1e-6)

    @property
    def typical_ratios(self) -> list[float]:
        """Median of each tensor, without its first look."""
        return [float(np.median(v[1:] or v)) for v in map(list, self.ratios.values())]


@dataclass(frozen=True)
class TrainingLabels:
    """Class numbers of training and evaluation.

    Attributes:
        batches: of training, in order. evaluation: empty where it was not seen.
        weighted: does the loss weigh classes?
    """

    batches: Sequence[Labels]
    evaluation: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    weighted: bool = False

    @property
    def all(self) -> Labels:
        return np.concatenate(self.batches) if self.batches else np.zeros(0, np.int64)


@dataclass(frozen=True)
class ProbeAccuracies:
    """What a small probe learns from the samples that enter.

    Attributes:
        train: its accuracy on held-out training samples, as they enter. chance: that of the
            commonest class. held_out: their number.
        evaluation: accuracy of a probe of the evaluation's samples; None where there are too few.
        model: the script's own accuracy; None where it was not counted.
        repeats: do training samples come again bit for bit, so that they are not augmented?
    """

    train: float
    chance: float
    held_out: int
    evaluation: float | None = None
    model: float | None = None
    repeats: bool = True

    @property
    def training_says_less(self) -> bool:
        """Do training inputs say much less about their labels than those of the evaluation?"""
        if self.evaluation is None:
            return False
        above = self.evaluation - self.chance
        return above >= TELLING and self.train - self.chance <= MUCH_LESS * above
