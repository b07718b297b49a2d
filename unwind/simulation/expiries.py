"""Fridays on which contracts expire."""

import numpy as np
from numpy.typing import NDArray


def fridays_of(months: NDArray[np.datetime64], week: int) -> NDArray[np.datetime64]:
    """Return a Friday of each month.

    `week` counts from 0; −1 is the last Friday of the month before.
    """
    first_days = months.astype("datetime64[D]")
    return np.busday_offset(first_days, week, roll="forward", weekmask="Fri")
