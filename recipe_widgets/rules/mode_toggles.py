"""Training runs in training mode and evaluation in eval mode.

What it finds
    Evaluations that take steps, update running statistics or run with dropout on; training that
    goes on in eval mode after an evaluation; frozen norm layers that go on updating; dropout that
    ignores the mode; dropout above 0.8.
Why it hurts
    An evaluation in training mode scores another net than the one that is kept, and its batches
    leak into the running statistics. Training in eval mode switches the regularisation off.
How to mend
    model.train() before training, model.eval() and torch.no_grad() before evaluation;
    F.dropout(x, p, self.training); put frozen norm layers into eval mode after model.train().
When it stays silent
    For dropout modules that are kept on in eval mode on purpose (Monte Carlo dropout) it only
    notes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

STRONG_DROPOUT = 0.8  # Srivastava et al. 2014 use 0.5 and 0.2; beyond 0.8 little of a layer is left


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
    if seen.strong >= STRONG_DROPOUT:
        return rule.warns(f"dropout silences {seen.strong:.0%} of the units", measured=seen.strong,
                          expected=f"below {STRONG_DROPOUT:g}",
                          advice="Begin without dropout; rates above 0.5 rarely help.")
    if seen.chosen_random:
        return rule.notes("a dropout module stays on in eval mode, on purpose it seems")
    return rule.passes("training and evaluation run in their modes")
