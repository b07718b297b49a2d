"""Checks of samples and tail probabilities that several families share."""

import numpy as np
from numpy.typing import ArrayLike

from features._typing import Floats

# A spread below this share of the level is rounding; the square of one below this size underflows.
ROUNDING, MIN_SPREAD = 1e-12, 1e-150


def finite_values(sample: ArrayLike) -> Floats:
    """Return the sample as floats without NaN; refuse infinite values and two dimensions."""
    values = np.asarray(sample, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"sample must have one dimension, got {values.ndim}")
    if np.isinf(values).any():
        raise ValueError("sample must not hold an infinite value; correct the row or make it NaN")
    return values[~np.isnan(values)]


def varies(values: ArrayLike) -> bool:
    """Return True if values differ by more than rounding; False for none or one."""
    array = np.asarray(values)
    if len(array) == 0:
        return False
    return float(np.ptp(array)) > max(ROUNDING * float(np.abs(array).max()), MIN_SPREAD)


def zero_mad(name: object, values: Floats) -> str:
    """Describe a sample that more than half of its values leave without a robust scale."""
    identical = int((values == np.median(values)).sum())
    return f"the MAD of {name} is zero ({identical:,} of {len(values):,} values are identical)"


def require_share(share: float) -> None:
    """Refuse a share outside (0, ½]."""
    if not 0 < share <= 0.5:
        raise ValueError(f"threshold_share must lie in (0, 0.5], got {share}")


def require_level(level: float) -> None:
    """Refuse a tail probability outside (0, ½]."""
    if not 0 < level <= 0.5:
        raise ValueError(
            f"level must lie in (0, 0.5], got {level}; it is the probability of the tail: "
            "0.01 for a 99 % value at risk"
        )
