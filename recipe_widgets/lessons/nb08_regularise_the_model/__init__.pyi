from .bagging import bags
from .decision_path import DecisionPath
from .dropout import dropout_and_norm, dropout_race, mask_average, variance_shift
from .exercise import beside, check_regularised, sweep, sweeps_beside
from .fit_curves import early_stopping, fits, larger_stopped, larger_verdict, plot_larger

__all__ = [
    "DecisionPath", "bags", "beside", "check_regularised", "dropout_and_norm", "dropout_race",
    "early_stopping", "fits", "larger_stopped", "larger_verdict", "mask_average", "plot_larger",
    "sweep", "sweeps_beside", "variance_shift"
]
