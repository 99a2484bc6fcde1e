"""Opening a search: its storage, and what all of its workers must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.tune.storage import hidden, open_storage, without_secrets

if TYPE_CHECKING:
    import optuna

# looks at the validation set per trial, and their samples, where the base names none
LOOKS, LOOK_SAMPLES = 8, 1000


def with_looks(base: Settings) -> Settings:
    """Looks at the validation set often enough for pruning, where the reader set none."""
    if base.eval_every or base.eval_samples:
        return base
    return base.replace(eval_every=max(1, base.max_steps // LOOKS), eval_samples=LOOK_SAMPLES)


def open_study(storage: str | None, name: str, metric: str, sampler: Any, pruner: Any,
               heartbeat: int, retries: int) -> optuna.Study:
    import optuna

    kept = open_storage(storage, heartbeat, retries)
    try:
        return optuna.create_study(storage=kept, study_name=name, sampler=sampler, pruner=pruner,
                                   load_if_exists=True,
                                   direction="minimize" if metric == "val_loss" else "maximize")
    except Exception as error:
        if storage is None:
            raise
        raise RecipeError(
            "Storage",
            found=f"{hidden(storage)} ({without_secrets(str(error).splitlines()[0], storage)})",
            expected="a database that can be written") from None


def agree(study: optuna.Study, mine: dict[str, Any], name: str) -> None:
    """All workers of one search look for the same thing; the first one writes down what it is."""
    held = study.user_attrs
    for key, value in mine.items():
        if key not in held:
            study.set_user_attr(key, value)
        elif held[key] != value:
            differing = f"{key} ({', '.join(k for k in value if held[key].get(k) != value[k])})" if key == "base" else key
            raise RecipeError(
                "Tuning",
                found=f"another search named {name!r} in this storage, of another {differing}",
                expected="the same data, space, base and metric", mend="Take another name.")
