from .first_runs import (
    check_too_high,
    compare_loops,
    draw_losses,
    lr_sweep,
    one_epoch,
    show_batch,
)

__all__ = [
    "check_too_high", "compare_loops", "draw_losses", "lr_sweep", "one_epoch", "show_batch"
]
