from .accuracy_story import record_words, records, story
from .ensemble_and_distill import distilled, gains, members, plot_distilled
from .final_evaluation import Final, check_samples, open_final, openings, price_words
from .longer_training import averaged, longer, plot_averaged, plot_longer, resumed

__all__ = [
    "Final", "averaged", "check_samples", "distilled", "gains", "longer", "members",
    "open_final", "openings", "plot_averaged", "plot_distilled", "plot_longer", "price_words",
    "record_words", "records", "resumed", "story"
]
