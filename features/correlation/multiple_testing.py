"""Family-wise control over pairs × windows × tests."""

import numpy as np
import pandas as pd


def family_wise(p_values: pd.Series) -> pd.Series:
    """Holm's step-down p-values: reject those ≤ α, and P(any false rejection) ≤ α.

    The k-th smallest of m p-values becomes max over j ≤ k of min(1, (m − j + 1)·p_(j)).

    Parameters
    ----------
    p_values : Series of shape (n_tests,)
        One p-value per test, any index; NaN where the test abstained.

    Returns
    -------
    Series of shape (n_tests,)
        Adjusted p-values on the same index, in [p, 1]. An abstained test stays NaN and does not
        count as a member of the family. Row order does not matter.

    Raises
    ------
    ValueError
        A p-value lies outside [0, 1].

    Notes
    -----
    Valid under any dependence, so overlapping windows and pairs that share the base are covered;
    the price is power where they overlap almost entirely. Written out, and tested against
    statsmodels, because `statsmodels.stats.multitest` ends each call with a full garbage
    collection: a quarter of a second per session.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65–70.
    """
    values = p_values.to_numpy(dtype=np.float64)
    if ((values < 0) | (values > 1)).any():
        worst = values[(values < 0) | (values > 1)][0]
        raise ValueError(f"p-values must lie in [0, 1], got {worst}; pass p-values, not statistics")
    order = np.argsort(values, kind="stable")[: np.isfinite(values).sum()]  # NaN sorts last
    remaining = np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(remaining * values[order]), 1)
    return pd.Series(adjusted, p_values.index, name=p_values.name)
