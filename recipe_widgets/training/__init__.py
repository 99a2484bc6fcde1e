"""Layer 2: the training loop and what it needs."""

from recipe_widgets.core.arguments import checked, whole
from recipe_widgets.training.autoencode import encoded, reconstruction_error, train_autoencoder
from recipe_widgets.training.averaging import Average
from recipe_widgets.training.batches import BatchIndices
from recipe_widgets.training.best import Best
from recipe_widgets.training.checkpoints import Checkpoints
from recipe_widgets.training.device import describe_device, pick_device
from recipe_widgets.training.diverged import first_bad_step, why_diverged
from recipe_widgets.training.evaluate import Evaluation, eval_mode, evaluate
from recipe_widgets.training.inside import Inside, look_inside, time_split
from recipe_widgets.training.loop import Training, advance, end_with_best, steps, train
from recipe_widgets.training.many import ManySeeds, train_many
from recipe_widgets.training.optimizers import make_optimizer
from recipe_widgets.training.plainly import in_words, plainly
from recipe_widgets.training.probes import LayerSizes, UpdateRatio
from recipe_widgets.training.schedules import Plateau
from recipe_widgets.training.schedules import lr_at as _lr_at
from recipe_widgets.training.snapshots import Journey, Snapshots
from recipe_widgets.training.turning import cold_knobs, fork, replay, turn, turn_noted

lr_at = checked(step=whole(0), steps_per_epoch=whole(0))(_lr_at)  # the loop calls it unchecked

__all__ = [
    "Average",
    "BatchIndices",
    "Best",
    "Checkpoints",
    "Evaluation",
    "Inside",
    "Journey",
    "LayerSizes",
    "ManySeeds",
    "Plateau",
    "Snapshots",
    "Training",
    "UpdateRatio",
    "advance",
    "cold_knobs",
    "describe_device",
    "encoded",
    "end_with_best",
    "eval_mode",
    "evaluate",
    "first_bad_step",
    "fork",
    "in_words",
    "look_inside",
    "lr_at",
    "make_optimizer",
    "pick_device",
    "plainly",
    "reconstruction_error",
    "replay",
    "steps",
    "time_split",
    "train",
    "train_autoencoder",
    "train_many",
    "turn",
    "turn_noted",
    "why_diverged",
]
