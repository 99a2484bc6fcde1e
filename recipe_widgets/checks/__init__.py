"""Layer 4: checks on any PyTorch model, without ipywidgets.

Each is `check(subject_or_model, batches=None, loss_fn=None, **options) -> CheckResult`; `run_all`
runs those that apply. Checks of data need no model: `check(data, **options)`, where data is our
`Data`, (x, y), {"train": (x, y), ...} or batches. A check changes nothing that it looks at.
"""

from recipe_widgets.checks.curves import curve_shape, fit_diagnosis, lr_verdict, noise_level
from recipe_widgets.checks.dependence import (
    batch_independence,
    causal_dependence,
    loop_equals_vectorised,
)
from recipe_widgets.checks.finder import lr_finder
from recipe_widgets.checks.gradcheck import gradient_check
from recipe_widgets.checks.images import duplicates, input_range, outliers
from recipe_widgets.checks.labels import class_balance, label_alignment, label_errors
from recipe_widgets.checks.loss import loss_reduction, output_scale
from recipe_widgets.checks.modes import grads_are_cleared, mode_toggles
from recipe_widgets.checks.overfit import (
    generalisation_onset,
    memorises_random_labels,
    overfit_few,
    overfit_one_batch,
)
from recipe_widgets.checks.report import run_all
from recipe_widgets.checks.runner import Check, check
from recipe_widgets.checks.shell import check_named
from recipe_widgets.checks.signals import (
    dead_units,
    filters_smooth,
    gradient_norms,
    recurrent_spectrum,
    saturation,
    update_ratio,
)
from recipe_widgets.checks.splits import (
    augmentation_keeps_label,
    split_leak,
    train_eval_preprocessing,
)
from recipe_widgets.checks.start import (
    init_scale,
    input_independent_baseline,
    loss_at_init,
    loss_decreases,
    output_init,
)
from recipe_widgets.checks.subject import Subject, subject
from recipe_widgets.checks.timing import timing
from recipe_widgets.checks.wiring import bias_before_norm, gradients_flow, optimizer_covers_model
from recipe_widgets.core import Report

__all__ = [
    "Check",
    "Report",
    "Subject",
    "augmentation_keeps_label",
    "batch_independence",
    "bias_before_norm",
    "causal_dependence",
    "check",
    "check_named",
    "class_balance",
    "curve_shape",
    "dead_units",
    "duplicates",
    "filters_smooth",
    "fit_diagnosis",
    "generalisation_onset",
    "gradient_check",
    "gradient_norms",
    "gradients_flow",
    "grads_are_cleared",
    "init_scale",
    "input_independent_baseline",
    "input_range",
    "label_alignment",
    "label_errors",
    "loop_equals_vectorised",
    "loss_at_init",
    "loss_decreases",
    "loss_reduction",
    "lr_finder",
    "lr_verdict",
    "memorises_random_labels",
    "mode_toggles",
    "noise_level",
    "optimizer_covers_model",
    "outliers",
    "output_init",
    "output_scale",
    "overfit_few",
    "overfit_one_batch",
    "recurrent_spectrum",
    "run_all",
    "saturation",
    "split_leak",
    "subject",
    "timing",
    "train_eval_preprocessing",
    "update_ratio",
]
