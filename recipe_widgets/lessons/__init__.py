"""Between plots and live: the measured experiments of the lessons, each a few lines in its
notebook.
"""

from recipe_widgets.lessons.compare import Comparison, compare
from recipe_widgets.lessons.start import (
    check_too_high,
    compare_loops,
    lr_sweep,
    one_epoch,
    show_batch,
)

__all__ = [
    "Comparison", "check_too_high", "compare", "compare_loops", "lr_sweep", "one_epoch",
    "show_batch"
]
