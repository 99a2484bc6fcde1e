"""Whether a model with a positional encoding knows the order of its input."""

from __future__ import annotations

import re

from torch import nn

from recipe_widgets.rules.token_order import OrderEffect
from recipe_widgets.watch.evidence import model_probes
from recipe_widgets.watch.evidence.watched_run import RUNS_MODELS, Built, WatchedRun, builds

_POSITION = re.compile(
    r"(^|[._])(pe|pos|posit\w*|pos_?e\w+|pos_?enc\w*|wpe)($|[._])", re.IGNORECASE
)


@builds(OrderEffect, RUNS_MODELS)
def order_effects(run: WatchedRun) -> Built:
    for record in run.records.models.trained:
        module = run.records.models.retained.get(record.number)
        encoding = _encoding_of(module) if module is not None else None
        if module is None or encoding is None:
            continue
        change = None
        with run.tolerating(f"a probe of {record.name}"):
            change = model_probes.order_effect(record, module, run.check_time)
        if change is not None:
            yield OrderEffect(encoding, change), record.line


def _encoding_of(module: nn.Module) -> str | None:
    """The name of what holds positions: a buffer, a parameter or a submodule."""
    for name, one in module.named_modules():
        if _POSITION.search(name) or "position" in type(one).__name__.lower():
            return name or type(one).__name__
    held = [name for name, _ in (*module.named_buffers(), *module.named_parameters())]
    return next((name for name in held if _POSITION.search(name)), None)
