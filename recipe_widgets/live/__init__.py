"""Layer 6: live sessions: a trainer thread, the newest settings, a painter."""

from recipe_widgets.live.asking import Asking
from recipe_widgets.live.foreground import engine_for
from recipe_widgets.live.frame import Frame
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.lanes import DataSource, live_settings
from recipe_widgets.live.own import OwnSource, loop
from recipe_widgets.live.presets import PRESETS, Preset
from recipe_widgets.live.session import Session

__all__ = [
    "PRESETS", "Asking", "DataSource", "Frame", "Guess", "OwnSource", "Preset", "Session",
    "engine_for", "live_settings", "loop"
]
