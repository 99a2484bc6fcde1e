"""Layer 6: live sessions: a trainer thread, the newest settings, a painter."""

from recipe_widgets.live.active_run import DataSource, live_settings
from recipe_widgets.live.foreground import engine_for
from recipe_widgets.live.frame import Frame
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.measurement_queue import MeasurementQueue
from recipe_widgets.live.presets import PRESETS, Preset
from recipe_widgets.live.session import Session
from recipe_widgets.live.user_loop import UserLoop, loop

__all__ = [
    "PRESETS", "DataSource", "Frame", "Guess", "MeasurementQueue", "Preset", "Session", "UserLoop",
    "engine_for", "live_settings", "loop"
]
