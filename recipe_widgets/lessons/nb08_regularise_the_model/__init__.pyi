from .decision_path import DecisionPath
from .own_pictures import draw_by_knob, draw_fits, draw_regimes

__all__ = ["DecisionPath", "draw_by_knob", "draw_fits", "draw_regimes"]
