"""Names for the arrays and frames that signatures repeat."""

from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SeriesOrFrame = TypeVar("SeriesOrFrame", pd.Series, pd.DataFrame)
