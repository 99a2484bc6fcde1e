from .architectures import ALEXNET, families, plain_and_residual, shapes, shrunk
from .convolution import sizes
from .learning_curves import capacity, learning_curve, width_verdict
from .memorising import (
    check_fewest_units,
    memorise,
    one_batch_check,
    raise_capacity,
    random_labels,
    recall,
    suspects,
    zeroed,
)
from .small_nets import depths, short_and_long

__all__ = [
    "ALEXNET", "capacity", "check_fewest_units", "depths", "families", "learning_curve",
    "memorise", "one_batch_check", "plain_and_residual", "raise_capacity", "random_labels",
    "recall", "shapes", "short_and_long", "shrunk", "sizes", "suspects", "width_verdict",
    "zeroed"
]
