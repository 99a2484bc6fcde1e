"""Evidence records, and a threshold, that several rules need: plain numbers and names, without
torch.
"""

from __future__ import annotations

from dataclasses import dataclass

# Share of the looks at one thing that must show the same fault: one odd batch is none, and a fault
# of the program shows in all but a few.
AGREEMENT = 0.75


@dataclass(frozen=True)
class Outputs:
    """What a network's outputs look like, as numbers.

    Attributes:
        low, high: extremes over all samples, loud inputs included.
        zeros: share of outputs that are exactly zero. constant: all of them are the same number.
        row_sum_gap: largest |sum over classes - 1|: tiny for probabilities.
        row_exp_gap: the same of exp(output): tiny for log-probabilities.
        column_exp_gap: the same over the batch axis: tiny for a soft-max over the wrong axis.
    """

    low: float
    high: float
    zeros: float
    constant: bool
    row_sum_gap: float
    row_exp_gap: float
    column_exp_gap: float

    @property
    def probabilities(self) -> bool:
        # float32 soft-max over thousands of classes is off from 1 by less than these tolerances
        return self.low >= 0 and self.high <= 1 + 1e-5 and self.row_sum_gap < 1e-3

    @property
    def unit_interval(self) -> bool:
        return self.low >= 0 and self.high <= 1
