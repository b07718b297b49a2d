"""Any numbers into the indicators: a figure within its bounds, or one sentence; never garbage."""

import importlib
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as profiles
from hypothesis import strategies as st

from tests.torture.fuzzed_markets import MARKETS
from tests.torture.fuzzed_series import SERIES, numbers

fuzz = profiles.get_profile("torture")
SEEDS = st.integers(0, 2**32)

# What answers may hold besides NaN.
BETWEEN = {
    "correlation": (-1.0, 1.0), "share": (0.0, 1.0), "sign": (-1.0, 1.0), "positive": (0.0, 1e300),
    "finite": (-1e300, 1e300), "any": (-np.inf, np.inf),
}  # fmt: skip


def called(function: Callable[..., Any]) -> str:
    """A function by its name, which is unique in features/."""
    return function.__name__


def public() -> set[str]:
    """Every public function of features/: of the families, and of the modules beside them."""
    families = ("correlation", "cross_section", "derivatives", "fund_flows")
    modules = ("panel", "returns", "intraday")
    names = set()
    for name in (*families, *modules):
        module = importlib.import_module(f"features.{name}")
        names |= {
            label
            for label in getattr(module, "__all__", vars(module))
            if isinstance(getattr(module, label), FunctionType)
            and not label.startswith("_")
            and getattr(module, label).__module__.startswith(f"features.{name}")
        }
    return names


class TestEveryIndicator:
    """A new one without an entry fails here: add it to the tables."""

    def test_is_fuzzed(self) -> None:
        assert {called(function) for function in (*SERIES, *MARKETS)} == public()


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
