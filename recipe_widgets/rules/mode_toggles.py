"""Training runs in training mode and evaluation in eval mode.

What it finds
    Evaluations that take steps, update running statistics or run with dropout on; training that
    goes on in eval mode after an evaluation; frozen norm layers that go on updating; dropout that
    ignores the mode; dropout above 0.8. A teacher or a frozen part, that never learns while another
    network does, in training mode.
Why it hurts
    An evaluation in training mode scores another net than the one that is kept, and its batches
    leak into the running statistics. Training in eval mode switches the regularisation off.
How to mend
    model.train() before training, model.eval() and torch.no_grad() before evaluation;
    F.dropout(x, p, self.training); put frozen norm layers into eval mode after model.train().
When it stays silent
    For dropout modules that are kept on in eval mode on purpose (Monte Carlo dropout) it only
    notes. In a script that is watched: when the same batch is put in again and again, when passes
    without gradients come with nearly every step (a teacher, the target of a DQN), and for networks
    that follow another one (mean teachers, momentum encoders).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.dropout_rate import STRONG
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE, TRAINCHECK, few
from recipe_widgets.rules.training_evidence import TrainingModes


@dataclass(frozen=True)
class ModesSeen:
    """What the modes of a model do in training and evaluation.

    Attributes:
        changes_weights: evaluation changes parameters.
        changes_statistics: evaluation changes buffers.
        eval_in_train: parts are in training mode during evaluation.
        stays_eval: the training loop runs in eval mode after an evaluation.
        frozen_statistics: frozen norm layers go on updating.
        random_eval: outputs in eval mode differ between two passes, and no dropout module does it
            on purpose. chosen_random: one does.
        strong: the largest dropout, 0 to 1.
    """

    changes_weights: bool = False
    changes_statistics: bool = False
    eval_in_train: bool = False
    stays_eval: bool = False
    frozen_statistics: bool = False
    random_eval: bool = False
    chosen_random: bool = False
    strong: float = 0.0


# Attribute -> what it means, and whether it is an exact fact.
_SERIOUS = {
    "changes_weights": ("the evaluation changes the parameters: it takes steps", True),
    "changes_statistics":
    ("the evaluation changes the running statistics: it runs in training mode", True),
    "eval_in_train": ("the evaluation runs in training mode: dropout or batch statistics are on",
                      False),
    "stays_eval": ("after an evaluation the training goes on in eval mode", True),
    "frozen_statistics": ("the statistics of frozen norm layers go on updating in training", False),
    "random_eval": ("outputs are random in eval mode: dropout ignores the mode", False),
}


@rule(worst="error", source=KARPATHY_RECIPE)
def mode_toggles(rule: Rule[ModesSeen], seen: ModesSeen) -> CheckResult:
    rule = rule.about(details=dataclasses.asdict(seen))
    serious = [entry for name, entry in _SERIOUS.items() if getattr(seen, name)]
    if serious:
        say = rule.fails if any(exact for _, exact in serious) else rule.warns
        return say(
            "; ".join(text for text, _ in serious),
            advice="model.train() before training, model.eval() and no_grad before evaluation; "
            "F.dropout(x, p, self.training).")
    if seen.strong >= STRONG:
        return rule.warns(f"dropout silences {seen.strong:.0%} of the units", measured=seen.strong,
                          expected=f"below {STRONG:g}",
                          advice="Begin without dropout; rates above 0.5 rarely help.")
    if seen.chosen_random:
        return rule.notes("a dropout module stays on in eval mode, on purpose it seems")
    return rule.passes("training and evaluation run in their modes")


# In a script that is watched

FEWEST_STEPS_IN_MODE = 5
EVAL_SHARE = 0.2  # of the training steps, from which on they are no accident


@mode_toggles.register
def training_modes(rule: Rule[Any], modes: TrainingModes) -> CheckResult:
    """The modes of the training steps of one model."""
    names = few(modes.mode_layers)
    seen = modes.eval_steps and modes.mode_layers and modes.steps >= FEWEST_STEPS_IN_MODE
    if not seen or modes.in_turn:  # see the rule evaluation_trains
        return rule.passes("training runs in training mode")
    rule = rule.about(measured=modes.eval_steps, expected=0, unit="steps", source=TRAINCHECK)
    began, ended = modes.runs[0][0], modes.runs[-1][0]
    if began and not ended and modes.eval_steps >= EVAL_SHARE * modes.steps:
        return rule.fails(
            f"after an evaluation the training goes on in eval mode: {names} no longer train",
            advice="Call model.train() at the start of each epoch.")
    if not any(training for training, _ in modes.runs):
        return rule.warns(f"the whole training runs in eval mode: {names} are off",
                          advice="Call model.train() before training.")
    return rule.passes("training runs in training mode")


@dataclass(frozen=True)
class EvaluationsInTrainingMode:
    """Evaluations in training mode.

    Attributes:
        count: how many. batch_statistics: were norm layers on? hits_counted: were hits counted?
    """

    count: int
    batch_statistics: bool
    hits_counted: bool


@mode_toggles.register
def evaluations_in_training_mode(rule: Rule[Any], seen: EvaluationsInTrainingMode) -> CheckResult:
    what = ("BatchNorm uses and learns from the evaluation's batches"
            if seen.batch_statistics else "dropout is on")
    say = rule.fails if seen.batch_statistics and seen.hits_counted else rule.warns
    runs = "evaluations run" if seen.count > 1 else "evaluation runs"
    return say(f"{seen.count} {runs} in training mode: {what}", measured=seen.count, expected=0,
               unit="evaluations", advice="Call model.eval() before, and model.train() after.",
               source=KARPATHY_RECIPE)


@dataclass(frozen=True)
class DropoutInEvalMode:
    """what: the kind of call that ignores the mode."""

    what: str


@mode_toggles.register
def dropout_in_eval_mode(rule: Rule[Any], call: DropoutInEvalMode) -> CheckResult:
    return rule.fails(f"dropout is on although the model is in eval mode: {call.what}",
                      advice="F.dropout(x, p, self.training), or an nn.Dropout made in __init__.",
                      source=KARPATHY_RECIPE)


@dataclass(frozen=True)
class FrozenNorms:
    """Norm layers whose weights are frozen while their running statistics go on. name: of one."""

    name: str
    count: int


@mode_toggles.register
def frozen_norms(rule: Rule[Any], norms: FrozenNorms) -> CheckResult:
    return rule.warns(
        f"the weights of {norms.count} norm layers are frozen ({norms.name}), but their running "
        "statistics go on updating", measured=norms.count, expected=0, unit="layers",
        advice="Put the frozen part into eval mode after model.train().", source="")


FEWEST_IDLE_STEPS = 10


@dataclass(frozen=True)
class IdleNetwork:
    """A network whose weights stay as they are while another one trains on what it says.

    Attributes:
        name: of its class. steps: in which it was called in training mode.
        dropout, statistics: is dropout on, do running statistics move?
    """

    name: str
    steps: int
    dropout: bool
    statistics: bool


@mode_toggles.register
def idle_network(rule: Rule[Any], seen: IdleNetwork) -> CheckResult:
    if seen.steps < FEWEST_IDLE_STEPS:
        return rule.passes("too few steps")
    what = [words for words, on in (("its dropout makes what it says random", seen.dropout),
                                    ("the running statistics of its norms move", seen.statistics)) if on]
    return rule.warns(
        f"{seen.name} is called in training mode in {seen.steps} steps in which its weights stay as "
        f"they are: {' and '.join(what)}", measured=seen.steps, expected=0, unit="steps",
        advice="Call eval() of a teacher or a frozen part once its own training is over.")
