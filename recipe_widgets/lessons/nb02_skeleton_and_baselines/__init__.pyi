from .baseline_models import (
    Deaf,
    baseline_table,
    baselines,
    blind_and_seeing,
    check_parameters,
    ladder,
    ladder_picture,
    parameters,
    seed_band,
    settings_of_depth,
    simple_first,
    spread,
    templates,
    twice,
)
from .loss_shapes import check_expected, dice, heads, lopsided, penalised, per_class
from .own_pictures import draw_losses, draw_predictions, draw_templates
from .prediction_dynamics import dynamics, estimates, kept_models

__all__ = [
    "Deaf", "baseline_table", "baselines", "blind_and_seeing", "check_expected",
    "check_parameters", "dice", "draw_losses", "draw_predictions",
    "draw_templates", "dynamics", "estimates", "heads", "kept_models", "ladder",
    "ladder_picture", "lopsided", "parameters", "penalised", "per_class", "seed_band",
    "settings_of_depth", "simple_first", "spread", "templates", "twice"
]
