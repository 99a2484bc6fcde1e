from .backprop_by_hand import check_backprop, compare_backprop
from .clinic import Clinic, Patient, findings
from .clinic_cases import CASES, Case
from .clinic_programs import Program
from .input_dependence import (
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
from .input_speed import PilDataset, epoch_both_ways, milestones, ways_to_read
from .numeric_gradients import Swish, draw_error, few_samples, kinks, pitfalls, small_net
from .wrong_programs import train_with_both, ways_to_break

__all__ = [
    "CASES", "Case", "Clinic", "Patient", "PilDataset", "Program", "Swish", "check_backprop",
    "check_distances", "class_means", "compare_backprop", "dependence_charts",
    "distances_at_once", "distances_by_loop", "distances_with_slip", "draw_error",
    "epoch_both_ways", "few_samples", "findings", "kinks", "loop_against", "milestones",
    "next_row_models", "pitfalls", "row_models", "small_net", "train_with_both",
    "ways_to_break", "ways_to_read"
]
