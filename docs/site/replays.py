"""A recording as one page that replays it: sliders, a time scrubber, curves; no kernel, and
nothing to load.
"""

from __future__ import annotations

import json
import math
from typing import Any

from docs.site.page import HERE, Page, rendered
from docs.site.plans import Plan

# nats: losses beyond are drawn at the edge; the words and the table tell them
LOWEST, HIGHEST = 0.01, 10.0


def replay_page(plan: Plan, replay: dict[str, Any]) -> Page:
    """The page of a recording, as `recorded` returns it."""
    whole = {**replay, "limits": limits(replay)}
    body = rendered("replay.html", plan=plan, replay=whole, count=len(replay["runs"]),
                    recording=json_in_html(whole), style=(HERE / "replay.css").read_text())
    return Page(f"replays/{plan.name}.html", plan.title, body,
                script=(HERE / "replay.js").read_text())


def json_in_html(values: Any) -> str:
    """JSON that may stand inside a script element: no text in it can end the element or begin
    another.
    """
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def limits(replay: dict[str, Any]) -> tuple[float, float]:
    """The axis of the losses of all runs in whole decades: it stands still when a slider is
    turned.
    """
    seen = [
        loss for run in replay["runs"] for loss in
        [*(point[1] for point in run["curve"]), *(look["val_loss"] for look in run["looks"])]
        if loss is not None and loss > 0
    ]
    return max(LOWEST, 10.0 ** math.floor(math.log10(min(seen, default=0.1)))), HIGHEST
