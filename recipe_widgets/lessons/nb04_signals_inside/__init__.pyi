from .activations import draw_activation, facts
from .own_pictures import draw_by_layer, draw_by_rate, draw_filters, draw_gallery
from .recurrent_nets import draw_recurrent, unroll
from .signal_depth import SCHEMES, draw_signals, propagate

__all__ = [
    "SCHEMES", "draw_activation", "draw_by_layer", "draw_by_rate", "draw_filters", "draw_gallery",
    "draw_recurrent", "draw_signals", "facts", "propagate", "unroll"
]
