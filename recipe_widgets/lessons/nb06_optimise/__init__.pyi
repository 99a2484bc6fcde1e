from .batch_sizes import gradient_noise, larger_batches, ways_to_batch
from .optimizer_comparison import (
    around,
    bias_correction,
    check_beats_adam,
    claim,
    ends,
    equal_to_torch,
    momentum_effect,
    rate_verdicts,
    rates_compared,
    sgd_and_adam,
)
from .optimizer_paths import (
    bowl,
    constant_push,
    pure_motion,
    race,
    ranking,
    show_race,
    turned,
    two_forms,
)
from .schedule_comparison import compare_schedules, cooldowns, few
from .second_order import full_batch_passes, newton_cost

__all__ = [
    "around", "bias_correction", "bowl", "check_beats_adam", "claim", "compare_schedules",
    "constant_push", "cooldowns", "ends", "equal_to_torch", "few", "full_batch_passes",
    "gradient_noise", "larger_batches", "momentum_effect", "newton_cost", "pure_motion", "race",
    "ranking", "rate_verdicts", "rates_compared", "sgd_and_adam", "show_race", "turned",
    "two_forms", "ways_to_batch"
]
