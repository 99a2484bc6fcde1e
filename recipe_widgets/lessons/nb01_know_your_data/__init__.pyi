from .data_faults import (
    check_mystery,
    class_shares,
    copies,
    extremes,
    faulty,
    imbalanced,
    mystery,
    photos,
    planted_labels,
    show_batch,
    suspects,
    trust,
)
from .input_detail_and_range import as_fed, detail, scales, spacing, spoiled_pictures
from .labelling import how_many
from .sample_browser import sample_table
from .splitting import chosen_picture, same_nets, split_table, strata, subsets, useless_models

__all__ = [
    "as_fed", "check_mystery", "chosen_picture", "class_shares", "copies", "detail", "extremes",
    "faulty", "how_many", "imbalanced", "mystery", "photos", "planted_labels", "same_nets",
    "sample_table", "scales", "show_batch", "spacing", "split_table", "spoiled_pictures",
    "strata", "subsets", "suspects", "trust", "useless_models"
]
