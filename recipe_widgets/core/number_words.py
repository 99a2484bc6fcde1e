"""Numbers that were measured, as every page and picture writes them: one format, so that one number
looks the same wherever it stands. The front end's `scale.js` writes them alike.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

NO_NUMBER = "–"
_THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_UP)  # halves away from zero, as in JavaScript
_TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)


def plain(value: float) -> str:
    """Three digits: "0.0123", "2.3", "1,234"; "1.2e-5" and "3e7" where there were too many zeros."""
    if not math.isfinite(value):
        return NO_NUMBER
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        digits, power = f"{_TWO_DIGITS.create_decimal_from_float(value):.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    if size >= 100:
        return f"{math.floor(value + 0.5):,}"
    return f"{float(_THREE_DIGITS.create_decimal_from_float(value)):g}"


def percent(share: float) -> str:
    """A share of all as "96.1%"; one digit after the point."""
    if not math.isfinite(share):
        return NO_NUMBER
    return f"{Decimal(100 * share).quantize(Decimal('0.1'), ROUND_HALF_UP)}%"
