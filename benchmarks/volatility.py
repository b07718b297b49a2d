"""Walk-forward volatility against plain `arch`: seconds per asset, and per universe."""

import statistics
import time
import warnings

import pandas as pd
from arch import arch_model
from joblib import Parallel, delayed

from models.volatility import walk_forward
from unwind.studies.universe import chunks, simulated_returns

TEN_YEARS, EVERY, WINDOW, FIRST = 2520, 21, 1500, 500
PERCENT = 100.0
CHUNK = 10  # assets that a worker takes at once


def simulate(assets: int) -> pd.DataFrame:
    """Return ten years of GJR returns with Student-t shocks, another draw for each asset."""
    return simulated_returns(assets, pd.bdate_range("2016-01-01", periods=TEN_YEARS), seed=7)


def warm(returns: pd.Series) -> int:
    """Walk forward with GJR and Student-t shocks; the number of estimates."""
    path = walk_forward(
        returns, every=EVERY, window=WINDOW, min_observations=FIRST, model="gjr", innovation="t"
    )
    return len(path.estimates)


def cold(returns: pd.Series, end: int) -> float:
    """Fit `arch` alone on the window that ends before `end`, as a user would; its likelihood."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = arch_model(
            PERCENT * returns.iloc[max(0, end - WINDOW) : end], vol="GARCH", p=1, o=1, q=1,
            dist="t", rescale=False,
        ).fit(disp="off", show_warning=False)  # fmt: skip
    return float(fitted.loglikelihood)


def _chunk(returns: pd.DataFrame) -> int:
    return sum(warm(column) for _, column in returns.items())


def compare(*, assets: int, universe: int, workers: int) -> dict[str, float]:
    """Time both for some assets in turns, then the universe over processes; print and return."""
    drawn = simulate(max(assets, universe))
    warm(drawn.iloc[: FIRST + 3 * EVERY, 0])
    ours, theirs, estimates = [], [], 0
    for asset in range(assets):
        returns = drawn.iloc[:, asset]
        start = time.perf_counter()
        estimates += warm(returns)
        ours.append(time.perf_counter() - start)
        ends = range(FIRST, TEN_YEARS, 8 * EVERY)  # every eighth: all would take minutes
        start = time.perf_counter()
        for end in ends:
            cold(returns, end)
        theirs.append(8 * (time.perf_counter() - start))
    result = {
        "assets": float(assets),
        "estimates": float(estimates),
        "seconds": sum(ours),
        "arch / unwind": statistics.median(theirs) / statistics.median(ours),
    }
    print(
        f"volatility: {assets} assets, 10 years, {estimates} estimates {sum(ours):.1f} s on one "
        f"core; plain arch / unwind {result['arch / unwind']:.1f}",
        flush=True,
    )
    if universe:
        blocks = chunks(drawn, size=CHUNK)
        start = time.perf_counter()
        done = sum(Parallel(n_jobs=workers)(delayed(_chunk)(block) for block in blocks))
        result["universe"] = float(universe)
        result["universe_seconds"] = time.perf_counter() - start
        print(
            f"volatility: {universe} assets, 10 years, {done} estimates "
            f"{result['universe_seconds']:.1f} s on {workers} processes",
            flush=True,
        )
    return result
