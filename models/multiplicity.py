"""p-values of a whole family: pairs × windows × tests judged together."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests


def family_wise(p_values: pd.Series) -> pd.Series:
    """Holm's step-down p-values: reject those ≤ α, and P(any false rejection) ≤ α.

    Parameters
    ----------
    p_values : Series of shape (n_tests,)
        One p-value a test, any index; NaN where the test abstained.

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
    the price is power where they overlap almost entirely. One call a family: statsmodels ends each
    with a full garbage collection, a tenth of a second or more whatever the number of tests.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65–70.
    """
    return _adjusted(p_values, "holm")


def false_discovery(p_values: pd.Series) -> pd.Series:
    """Benjamini–Yekutieli p-values: among those ≤ α, the expected share of false ones is ≤ α.

    For screens of many pairs, where a few false names are a fair price; contract as in
    `family_wise`. Valid under any dependence.

    References
    ----------
    Benjamini and Yekutieli (2001), Annals of Statistics 29, theorem 1.3.
    """
    return _adjusted(p_values, "fdr_by")


def _adjusted(p_values: pd.Series, method: str) -> pd.Series:
    p = p_values.to_numpy(np.float64)
    known = ~np.isnan(p)
    if np.any((p[known] < 0) | (p[known] > 1)):
        raise ValueError(
            f"p-values must lie in [0, 1], got {p[known].min()} … {p[known].max()}; "
            "give p-values, not statistics"
        )
    adjusted = np.full(len(p), np.nan)
    if known.any():
        adjusted[known] = multipletests(p[known], method=method)[1]
    return pd.Series(adjusted, index=p_values.index, name=p_values.name)
