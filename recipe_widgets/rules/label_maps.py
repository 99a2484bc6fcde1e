"""Maps of class numbers are resized without making up numbers between two classes.

What it finds
    A map of class numbers (three or more) that is resized by an interpolation (bilinear, bicubic,
    area), by torch, torchvision or Pillow, and then is the target of a loss.
Why it hurts
    Between class 0 and class 4 an interpolation puts 1, 2 and 3: along each border the model is
    taught classes that are not there.
How to mend
    mode="nearest" for label maps (Image.NEAREST; Pillow's own default is bicubic), bilinear for
    pictures alone.
When it stays silent
    For maps of two values, which are thresholded afterwards; when the result never is a target; and
    when the maps are resized before the first training step, by torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 3  # maps


@dataclass(frozen=True)
class InterpolatedMaps:
    """Attributes:
        how: of the interpolation. maps: that were targets. made_up: of these, with class numbers that
            the map before did not hold.
    """

    how: str
    maps: int
    made_up: int


@rule(worst="error", source="O. Ronneberger et al., U-Net, 2015; Pillow, Image.resize")
def label_maps(rule: Rule[InterpolatedMaps], seen: InterpolatedMaps) -> CheckResult:
    if seen.maps < FEWEST:
        return rule.passes("label maps are not interpolated")
    return rule.fails(
        f"label maps are resized by {seen.how} interpolation: it makes up class numbers along the "
        f"borders ({seen.made_up} of {seen.maps} maps hold numbers that they did not hold before)",
        measured=seen.made_up, expected=0, unit="maps", advice="Use nearest for label maps.")
