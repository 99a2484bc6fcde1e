from .activations import NetworkRace, activation_race, draw_activation, facts, one_sign, race
from .filters_and_curves import curve_gallery, curve_variants, filters_over_time, smoothness
from .recurrent_nets import check_clip, clip_race, draw_recurrent, radius_race, row_reader, unroll
from .signal_depth import SCHEMES, check_std, draw_signals, propagate, signal_grid, sum_std
from .signals_in_training import (
    dead_share,
    dying,
    mean_slopes,
    norm_race,
    norm_verdict,
    saturation_runs,
    update_runs,
)

__all__ = [
    "SCHEMES",
    "NetworkRace",
    "activation_race",
    "check_clip",
    "check_std",
    "clip_race",
    "curve_gallery",
    "curve_variants",
    "dead_share",
    "draw_activation",
    "draw_recurrent",
    "draw_signals",
    "dying",
    "facts",
    "filters_over_time",
    "mean_slopes",
    "norm_race",
    "norm_verdict",
    "one_sign",
    "propagate",
    "race",
    "radius_race",
    "row_reader",
    "saturation_runs",
    "signal_grid",
    "smoothness",
    "sum_std",
    "unroll",
    "update_runs"
]
