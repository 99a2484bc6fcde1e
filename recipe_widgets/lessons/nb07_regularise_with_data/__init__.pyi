from .augmentation_effects import (
    augment_effect,
    check_augmentation,
    gallery,
    keeps_label,
    under_change,
)
from .input_sizes_and_noise import (
    batch_noise,
    beside,
    changed,
    input_sizes,
    noise_inputs,
    resized,
    sweep,
    sweeps_beside,
)
from .more_samples import more_data, plot_curves
from .rare_classes import class_weights, imbalance
from .transfer import autoencoder_of, pretraining, reconstructions, supervised_wins, unlabelled

__all__ = [
    "augment_effect", "autoencoder_of", "batch_noise", "beside", "changed",
    "check_augmentation", "class_weights", "gallery", "imbalance", "input_sizes", "keeps_label",
    "more_data", "noise_inputs", "plot_curves", "pretraining", "reconstructions", "resized",
    "supervised_wins", "sweep", "sweeps_beside", "under_change", "unlabelled"
]
