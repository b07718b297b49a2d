"""`python -m benchmarks`: rolling correlation, and volatility, against peers and limits in one run.

Contenders take turns, so that a slow minute of the machine hits all alike; a figure is the median
of the rounds, and only ratios of one run mean anything. "fill" allocates the output and writes it
once on all threads: what no engine that returns the same array can beat.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numbagg
import numpy as np
import pandas as pd
import polars
from numba import njit, prange
from numpy.typing import NDArray

from benchmarks.volatility import compare as compare_volatility
from features.correlation import correlation_strips, correlation_with_base, rolling_correlation

SESSIONS = 2500
HOLES = 0.05  # of the returns, at random
ASSETS, WINDOWS = (12, 100, 500), (21, 63, 126, 252)
OUTPUT = Path(__file__).with_name("results.json")
LIMIT_GIB = 8.0

Floats = NDArray[np.float64]
Contenders = dict[str, Callable[[], object]]


@njit(parallel=True, cache=True)
def _write(out: Floats) -> None:
    for pair in prange(out.shape[0]):
        for row in range(out.shape[1]):
            out[pair, row] = 1.0


def _fill(pairs: int) -> None:
    _write(np.empty((pairs, SESSIONS)))


def _returns(assets: int, *, holes: float) -> Floats:
    random = np.random.default_rng(1)
    returns = 0.01 * random.standard_t(4, (SESSIONS, assets))
    returns[random.random(returns.shape) < holes] = np.nan
    return returns


def _numbagg_pairs(returns: Floats, window: int, minimum: int) -> Floats:
    columns = np.ascontiguousarray(returns.T)
    left, right = np.triu_indices(len(columns), 1)
    out = np.empty((len(left), SESSIONS))
    for start in range(0, len(left), 5000):  # its inputs repeated for all pairs would not fit
        block = slice(start, start + 5000)
        out[block] = numbagg.move_corr(
            columns[left[block]], columns[right[block]], window=window, min_count=minimum
        )
    return out


def _polars_pairs(frame: polars.DataFrame, window: int, minimum: int) -> polars.DataFrame:
    names = frame.columns
    return frame.select(
        polars.rolling_corr(a, b, window_size=window, min_samples=minimum).alias(f"{a}{b}")
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    )


def all_pairs(assets: int, window: int, holes: float) -> Contenders:
    """Return what is timed for all pairs; a peer that would take minutes is timed on a part."""
    returns = _returns(assets, holes=holes)
    minimum = window if not holes else window // 2
    rule = {"window": window, "min_observations": minimum}
    timed: Contenders = {
        "fill": lambda: _fill(assets * (assets - 1) // 2),
        "unwind": lambda: rolling_correlation(returns, **rule),
        "numbagg": lambda: _numbagg_pairs(returns, window, minimum),
    }
    part = returns[:, : min(assets, 12)]
    frame = pd.DataFrame(part)
    tall = polars.DataFrame(part, schema=[f"a{i}" for i in range(part.shape[1])]).fill_nan(None)
    timed["pandas, 12 assets"] = lambda: frame.rolling(window, min_periods=minimum).corr()
    timed["polars, 12 assets"] = lambda: _polars_pairs(tall, window, minimum)
    return timed


def one_against_many(assets: int, window: int, holes: float) -> Contenders:
    """Return what is timed for the first asset against all others."""
    returns = _returns(assets, holes=holes)
    minimum = window if not holes else window // 2
    frame = pd.DataFrame(returns)
    base = frame[0]
    others = np.ascontiguousarray(returns[:, 1:].T)

    def labelled(values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values.T, index=frame.index, columns=frame.columns[1:], copy=False)

    def values() -> Floats:
        return numbagg.move_corr(
            np.broadcast_to(returns[:, 0], others.shape), others, window=window, min_count=minimum
        )

    def values_and_n() -> tuple[pd.DataFrame, pd.DataFrame]:
        both = 1.0 - np.isnan(returns[:, 0] + others)  # NaN where either is
        return labelled(values()), labelled(numbagg.move_sum(both, window=window, min_count=1))

    return {
        "unwind": lambda: correlation_with_base(
            frame, base=0, window=window, min_observations=minimum
        ),
        "numbagg": values_and_n,
        "numbagg (bare values)": values,
        "pandas": lambda: frame.rolling(window, min_periods=minimum).corr(base),
    }


def medians(timed: Contenders, *, rounds: int) -> dict[str, float]:
    """Return the median seconds of each contender over interleaved rounds, after one unmeasured."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(rounds + 1):
        for name, run in timed.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(shape: str, assets: int, window: int, holes: float, rounds: int) -> dict[str, object]:
    """Time one shape and print its line of ratios."""
    build = all_pairs if shape == "all pairs" else one_against_many
    seconds = medians(build(assets, window, holes), rounds=rounds)
    ours = seconds["unwind"]
    pairs, of_twelve = assets * (assets - 1) / 2, min(assets, 12) * (min(assets, 12) - 1) / 2
    ratios = {}
    for name, value in seconds.items():
        if name == "fill":
            ratios["unwind / fill"] = ours / value
        elif name.endswith("12 assets"):  # by the pair: pandas also gives each pair twice
            ratios[f"{name.split(',')[0]} / unwind"] = value / of_twelve / (ours / pairs)
        elif name != "unwind":
            ratios[f"{name} / unwind"] = value / ours
    kind = "5 % holes" if holes else "complete"
    print(
        f"{shape:<17}{assets:>4} assets, window {window:>3}, {kind:<10}{1e3 * ours:9.1f} ms   "
        + "   ".join(f"{name} {value:.1f}" for name, value in ratios.items()),
        flush=True,
    )
    return {
        "shape": shape, "assets": assets, "window": window, "holes": holes,
        "seconds": seconds, "ratios": ratios,
    }  # fmt: skip


def stream() -> None:
    """Stream all pairs of 1,000 assets; print a checksum, the seconds and the peak memory."""
    returns = _returns(1000, holes=HOLES)
    start, total, pairs = time.perf_counter(), 0.0, 0
    for block, values in correlation_strips(
        returns, stop=999, window=63, min_observations=31, height=20
    ):
        pairs += len(block)
        total += float(np.nansum(values[:, -1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result = {"pairs": pairs, "seconds": time.perf_counter() - start, "peak_gib": peak}
    print(json.dumps(result | {"mean_last": total / pairs}))


def main() -> None:
    """Run the comparison, print it and write it as JSON."""
    parser = argparse.ArgumentParser(description="Time the correlation engine against its peers.")
    parser.add_argument("--quick", action="store_true", help="12 and 100 assets, windows 63, 252")
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream:
        stream()
        return
    results: list[dict[str, object]] = []
    for assets in (12, 100) if options.quick else ASSETS:
        rounds = 5 if assets < 500 else 3
        for window in (63, 252) if options.quick else WINDOWS:
            for holes in (0.0, HOLES):
                results.extend(
                    compare(shape, assets, window, holes, rounds)
                    for shape in ("all pairs", "one against many")
                )
    # Its own process: peak memory counts from a process's beginning.
    command = [sys.executable, "-m", "benchmarks", "--stream"]
    streamed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(
        f"stream of {streamed['pairs']:,} pairs (1,000 assets, 5 % holes): "
        f"{streamed['seconds']:.1f} s, peak {streamed['peak_gib']:.2f} of {LIMIT_GIB:.0f} GiB"
    )
    volatility = compare_volatility(
        assets=3 if options.quick else 12, universe=0 if options.quick else 500, workers=2
    )
    OUTPUT.write_text(
        json.dumps(
            {"correlation": results, "stream": streamed, "volatility": volatility}, indent=1
        ),
        "utf-8",
    )


if __name__ == "__main__":
    main()
