"""A checkpoint holds the weights of the step at which it was taken, and they reach the model.

What it finds
    A state dict kept as the best one that is an alias of the running weights; one that is loaded
    and holds nothing but the model's own tensors; a target network or a teacher that is the very
    model it should lag behind; strict=False that hides keys which do not fit; a "best" state that is
    taken whenever an evaluation is better than the one before it, not than all before.
Why it hurts
    state_dict() gives references: the "best" weights go on training, and what is restored are the
    last ones. With strict=False a fine-tuning starts from random weights without a word.
How to mend
    best = copy.deepcopy(model.state_dict()); look at what load_state_dict returns, and rename keys.
When it stays silent
    When some keys fit and others are missing or unexpected for a reason other than a prefix: a head
    that is left out, for example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

PREFIXED = 0.8  # share of the keys that differ in a prefix only


@dataclass(frozen=True)
class StateUse:
    """A state dict that was loaded, or saved.

    Attributes:
        alias: all its tensors are the module's own. keys: their number.
        step: of this use. taken: step at which it was taken from the module, where that is known.
        missing, unexpected: names that did not fit.
        own: was it taken from the very module that it is loaded into?
    """

    alias: bool
    keys: int
    step: int
    taken: int | None = None
    saved: bool = False
    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    own: bool = False


@rule(worst="error", source="PyTorch, Saving and loading models")
def checkpoint(rule: Rule[StateUse], use: StateUse) -> CheckResult:
    outdated = use.taken is not None and use.taken < use.step
    if use.alias and (outdated or use.saved):
        when = f" of step {use.taken}" if use.taken is not None else ""
        return rule.fails(
            f"the state dict{when} is an alias of the running weights: what is "
            f"{'saved' if use.saved else 'restored'} are those of step {use.step}",
            measured=use.step, expected=use.taken, unit="step",
            advice="best = copy.deepcopy(model.state_dict())")
    if use.alias and use.own and use.step:
        return rule.fails(
            "a module's state is loaded into the very same module: nothing changes. What should be "
            "a copy that lags behind (a target network, a teacher) is the model itself",
            measured=use.keys, unit="tensors",
            advice="target = copy.deepcopy(model); .to() and other names give the same object.")
    if use.alias:
        return rule.warns(
            "a state dict is loaded that holds nothing but the model's own tensors: nothing "
            "changes", measured=use.keys,
            advice="Did any key of the checkpoint match? Copy states with copy.deepcopy.")
    if not use.missing or not use.unexpected:
        return rule.passes(f"{use.keys} keys fit")
    fitting = use.keys - len(use.unexpected)
    same_end = sum(
        any(one.endswith("." + other) or other.endswith("." + one) for other in use.missing)
        for one in use.unexpected)
    if fitting and same_end < PREFIXED * len(use.unexpected):
        return rule.passes(f"{fitting} of {use.keys} keys fit; others were left out")
    why = (f": the keys differ in a prefix ({use.unexpected[0]}, {use.missing[0]})"
           if same_end else "")
    return rule.fails(
        f"strict=False hides that {len(use.missing)} parameters were not loaded{why}",
        measured=fitting, expected=use.keys, unit="keys loaded",
        advice="Rename the keys; look at what load_state_dict returns.")


FEWEST_EVALUATIONS, FEWEST_LEFT = 8, 2


@dataclass(frozen=True)
class TakenStates:
    """States of a model that are taken at some evaluations.

    Attributes:
        losses: of all evaluations (or shares of errors), in order. taken: was the state taken there?
        what: the losses are.
    """

    losses: Sequence[float]
    taken: Sequence[bool]
    what: str = "loss"


@checkpoint.register
def best_state(rule: Rule[Any], seen: TakenStates) -> CheckResult:
    losses, taken = list(seen.losses), list(seen.taken)
    if len(losses) < FEWEST_EVALUATIONS or taken.count(False) < FEWEST_LEFT or not any(taken):
        return rule.cannot_tell("too few evaluations, or states are taken at all of them")
    before = [float("inf"), *losses[:-1]]
    kept = max(i for i, one in enumerate(taken) if one)
    as_before = all(one == (loss < last) for one, loss, last in zip(taken, losses, before, strict=True))
    if not as_before or losses[kept] <= min(losses):
        return rule.passes("the best state is kept")
    best = losses.index(min(losses))
    return rule.warns(
        f"a state is taken whenever the {seen.what} is better than at the evaluation before it, not than "
        f"at all before: what is kept is evaluation {kept + 1} with {losses[kept]:.4g}, not {best + 1} with "
        f"{losses[best]:.4g}", measured=losses[kept], expected=losses[best], unit=seen.what,
        advice="Set the best value only where it is beaten.")
