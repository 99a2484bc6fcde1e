"""From coarse to fine: a broad search with short runs, then a narrow one with long runs."""

from __future__ import annotations

from typing import Annotated, Any

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.tune.search_space import Categorical, Range, Space, space
from recipe_widgets.tune.study import Tuning, tune

KEPT = 0.2  # of the trials: the best fifth says where to look closer


@validated
def coarse_to_fine(data: Data, searched: Space | None = None, base: Settings | None = None, *,
                   trials: Annotated[int, whole(1)] = 50, stages: Annotated[int, whole(1, 100)] = 2,
                   shorter: Annotated[int, whole(1)] = 4, name: str = "tuning",
                   **more: Any) -> list[Tuning]:
    """Search in stages (Bengio 2012, section 3): each in the space around the best fifth of the one
    before.

    Args:
        trials: per stage. stages: how many; the last one trains for `base.max_steps`, each one
            before it `shorter` times shorter. more: what `tune` takes; the first stage draws at
            random unless a sampler is named.
    Returns:
        one `Tuning` per stage, named "<name>-1", "<name>-2", ...; the last one's `best` is the
        answer.
    """
    base, now = base or Settings(), searched or space()
    found: list[Tuning] = []
    for stage in range(stages):
        steps = max(1, base.max_steps // shorter ** (stages - 1 - stage))
        sampler = more.get("sampler", "random" if stage == 0 else "tpe")
        fixed, left = _settle(now, base)
        if not left.dimensions:
            break  # the stage before left nothing to choose
        found.append(
            tune(data, left, fixed.replace(max_steps=steps), trials=trials,
                 name=f"{name}-{stage + 1}", **{**more, "sampler": sampler}))
        base, now = fixed, around_best(found[-1])
    return found


def around_best(tuning: Tuning, share: float = KEPT) -> Space:
    """The space around the best `share` of the whole trials, two at least.

    Raises:
        RecipeError: fewer than two whole trials.
    """
    ranked = tuning.ranked()
    if len(ranked) < 2:
        raise RecipeError("A finer search", found=f"{len(ranked)} whole trials",
                          expected="at least 2", mend="Run more.")
    return tuning.space.narrowed(
        [trial.knobs for trial in ranked[:max(2, round(share * len(ranked)))]])


def _settle(searched: Space, base: Settings) -> tuple[Settings, Space]:
    """Knobs that have one value left go into the base."""
    fixed: dict[str, Any] = {}
    for one in searched:
        if isinstance(one, Categorical) and len(one.values) == 1:
            fixed[one.name] = one.values[0]
        elif isinstance(one, Range) and one.low == one.high:
            fixed[one.name] = int(one.low) if one.whole else one.low
    return base.replace(**fixed), Space([one for one in searched if one.name not in fixed])
