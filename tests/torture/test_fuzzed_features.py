"""Any numbers into the indicators: a figure within its bounds, or one sentence; never garbage."""

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as profiles
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.torture.fuzzed_markets import MARKETS
from tests.torture.fuzzed_series import SERIES, numbers

fuzz = profiles.get_profile("torture")
SEEDS = st.integers(0, 2**32)

# What answers may hold besides NaN.
BETWEEN = {
    "correlation": (-1.0, 1.0), "share": (0.0, 1.0), "sign": (-1.0, 1.0), "positive": (0.0, 1e300),
    "finite": (-1e300, 1e300), "any": (-np.inf, np.inf),
}  # fmt: skip

# Public functions that the fuzz does not call by themselves.
LEFT_OUT = {
    "compiled; correlation.ewma_correlation_with_base and the rolling correlations call it": {
        "correlation_kernels.pair_correlation", "correlation_kernels.count_pairs",
        "correlation_kernels.ewma_against_base", "rolling_kernels.correlate",
        "rolling_kernels.correlate_with_one", "rolling_planes.on_a_line",
        "rolling_planes.prepare_block", "rolling_planes.prepare",
    },
    "machine code that the rolling correlations are built of: it has no call of its own": {
        "lanes.load", "lanes.number_at", "lanes.load_spread", "lanes.store", "lanes.stream_lines",
        "lanes.spread", "lanes.root", "lanes.times_plus", "lanes.minus_times", "lanes.where_less",
        "lanes.any_less",
    },
    "compiled; the robust intervals and compare_dependent_correlations call it": {
        "jackknife.pseudo_values", "jackknife.cosine_variance",
        "jackknife.bartlett_variance",
    },
}  # fmt: skip


def called(function: Callable[..., Any]) -> str:
    """A function as module.name."""
    return f"{function.__module__.removeprefix('features.')}.{function.__name__}"


def public() -> set[str]:
    """Every public function of features/, as module.name."""
    return {
        f"{path.stem}.{node.name}"
        for path in (ROOT / "features").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


class TestEveryIndicator:
    """A new one without an entry fails here: add it to the tables, or say why not."""

    def test_is_fuzzed_or_left_out_with_a_reason(self) -> None:
        fuzzed = [called(function) for function in (*SERIES, *MARKETS)]
        left_out = [name for names in LEFT_OUT.values() for name in names]
        assert sorted(fuzzed + left_out) == sorted(public())


def figures(answer: Any) -> np.ndarray:
    """Every number of an answer."""
    if isinstance(answer, pd.DataFrame | pd.Series):
        frame = pd.DataFrame(answer).select_dtypes("number")
        return frame.to_numpy(dtype="float64", na_value=np.nan).ravel()
    if isinstance(answer, tuple):
        return np.concatenate([figures(one) for one in answer]) if answer else np.array([])
    if isinstance(answer, np.ndarray | float | int):
        return np.asarray(answer, dtype="float64").ravel()
    fields = getattr(answer, "__dataclass_fields__", ())
    return np.concatenate([np.array([]), *(figures(getattr(answer, name)) for name in fields)])


def held_within(kind: str, call: Callable[[], Any]) -> None:
    """Call; what comes is within the bounds of its kind, or a refusal in a sentence."""
    lowest, highest = BETWEEN[kind]
    try:
        found = figures(call())
    except ValueError as error:  # NotEnoughData is one too
        said = str(error)
        assert len(said) > 15
        return
    held = found[~np.isnan(found)]
    assert ((held >= lowest - 1e-9) & (held <= highest + 1e-9)).all(), held


@pytest.mark.parametrize("function", list(SERIES), ids=called)
class TestAnyNumbers:
    @fuzz
    @given(seed=SEEDS, infinite=st.booleans())
    def test_a_figure_in_its_bounds_or_a_sentence(
        self, function: Callable[..., Any], seed: int, infinite: bool
    ) -> None:
        kind, call = SERIES[function]
        given = numbers(seed, infinite=infinite)
        held_within(kind, lambda: call(given, np.random.default_rng(seed)))


@pytest.mark.parametrize("function", list(MARKETS), ids=called)
class TestAnyMarket:
    @fuzz
    @given(seed=SEEDS)
    def test_a_figure_in_its_bounds_or_a_sentence(
        self, function: Callable[..., Any], seed: int
    ) -> None:
        kind, call = MARKETS[function]
        held_within(kind, lambda: call(np.random.default_rng(seed)))
