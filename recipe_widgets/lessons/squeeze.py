"""What notebook 10 shows."""

from __future__ import annotations

from recipe_widgets.lessons.final import Final, check_samples, open_final, openings, price_words
from recipe_widgets.lessons.lasting import averaged, longer, plot_averaged, plot_longer, resumed
from recipe_widgets.lessons.story import record_words, records, story
from recipe_widgets.lessons.together import distilled, gains, members, plot_distilled

__all__ = [
    "Final", "averaged", "check_samples", "distilled", "gains", "longer", "members", "open_final",
    "openings", "plot_averaged", "plot_distilled", "plot_longer", "price_words", "record_words",
    "records", "resumed", "story"
]
