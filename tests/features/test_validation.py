"""Messages of the argument checks: the rule, the value, the remedy."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features._validation import (
    complete_rows,
    finite_or_missing,
    require_at_least,
    require_between,
    require_confidence,
    require_correlation,
    require_draws,
    require_inside,
    require_one_of,
    require_positive,
    require_positive_or_missing,
    require_same_index,
    require_window,
)

FRAME = pd.DataFrame({"IBIT": [0.1, np.inf]}, index=["Wed", "Thu"])

REFUSED: list[tuple[Callable[[], object], str]] = [
    (
        lambda: require_at_least(3, window=2),
        "window must be at least 3, got 2; use a larger window",
    ),
    (lambda: require_at_least(0, gap=np.nan), "gap must be at least 0, got nan; use a larger gap"),
    (lambda: require_positive(spot=0.0), "spot must be above 0, got 0; use a positive spot"),
    (lambda: require_positive(spot=np.inf), "spot must be above 0, got inf; use a positive spot"),
    (
        lambda: require_positive_or_missing(strike=[1.0, np.nan, -2.0]),
        "strike must be above 0, got -2; correct it or mark it NaN",
    ),
    (
        lambda: require_between(1, 5, change=6),
        "change must lie in 1 … 5, got 6; use a value in that range",
    ),
    (
        lambda: require_inside(0, 0.5, delta=0.5),
        "delta must lie between 0 and 0.5, got 0.5; use a value in between",
    ),
    (
        lambda: require_confidence(95),
        "confidence must lie between 0 and 1, got 95; 0.95 is usual",
    ),
    (
        lambda: require_correlation([0.5, -1.2]),
        "rho must lie in [-1, 1], got -1.2; compute it on complete pairs",
    ),
    (
        lambda: require_draws(18),
        "draws must be at least 19 for a 5 % test, got 18; 999 is usual",
    ),
    (
        lambda: require_window(20, 21),
        "min_observations must lie in 3 … window (20), got 21; use a value in that range",
    ),
    (lambda: require_window(2, 2), "window must be at least 3, got 2; use a larger window"),
    (
        lambda: require_one_of(("call", "put"), right="C"),
        "right must be one of call, put, got 'C'; choose one of these",
    ),
    (
        lambda: require_same_index(x=FRAME, y=FRAME.iloc[:1]),
        "x and y must share one index, got 2 and 1 rows that differ; "
        "align them to the same sessions first",
    ),
    (
        lambda: finite_or_missing(FRAME),
        "returns must be finite or missing, got inf for IBIT at Thu; "
        "correct its source or mark it missing",
    ),
    (
        lambda: finite_or_missing(FRAME["IBIT"], "x"),
        "x must be finite or missing, got inf at Thu; correct its source or mark it missing",
    ),
    (
        lambda: finite_or_missing(FRAME.to_numpy()),
        "returns must be finite or missing, got inf at position 1, 0; "
        "correct its source or mark it missing",
    ),
    (
        lambda: complete_rows([1.0, np.inf], [1.0, 2.0]),
        "series must be finite or missing, got an infinity; correct its source or mark it missing",
    ),
]


class TestMessages:
    @pytest.mark.parametrize(("check", "message"), REFUSED, ids=[said for _, said in REFUSED])
    def test_rule_value_remedy(self, check: Callable[[], object], message: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            check()


class TestWhatPasses:
    def test_bounds_and_missing_values(self) -> None:
        require_at_least(3, window=3)
        require_between(1, 5, low=1, high=5)
        require_window(2, 2, minimum=2)
        require_positive_or_missing(strike=[1.0, np.nan])
        np.testing.assert_array_equal(finite_or_missing([1.0, np.nan]), [1.0, np.nan])

    def test_rounding_beyond_one_is_one(self) -> None:
        assert require_correlation(1 + 1e-12) == 1
        assert np.isnan(require_correlation(np.nan))
