"""What notebook 03 measures: gradients, dependencies, loops, backprop by hand, time."""

from recipe_widgets.lessons.machinery.breaking import train_with_both, ways_to_break
from recipe_widgets.lessons.machinery.dependence import (
    check_distances,
    class_means,
    dependence_charts,
    distances_at_once,
    distances_by_loop,
    distances_with_slip,
    loop_against,
    next_row_models,
    row_models,
)
from recipe_widgets.lessons.machinery.gradients import (
    Swish,
    draw_error,
    few_samples,
    kinks,
    pitfalls,
    small_net,
)
from recipe_widgets.lessons.machinery.hand import check_backprop, compare_backprop
from recipe_widgets.lessons.machinery.speed import epoch_both_ways, milestones, ways_to_read

__all__ = [
    "Swish", "check_backprop", "check_distances", "class_means", "compare_backprop",
    "dependence_charts", "distances_at_once", "distances_by_loop", "distances_with_slip",
    "draw_error", "epoch_both_ways", "few_samples", "kinks", "loop_against", "milestones",
    "next_row_models", "pitfalls", "row_models", "small_net", "train_with_both", "ways_to_break",
    "ways_to_read"
]
