"""`python -m benchmarks`: rolling correlation against its peers, in one interleaved run."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numbagg
import numpy as np
import pandas as pd

from features.correlation import correlation_with_base, rolling_correlation

SESSIONS, WINDOW, ROUNDS = 2500, 63, 5
OUTPUT = Path(__file__).with_name("correlation.json")


def contenders(assets: int) -> dict[str, Callable[[], object]]:
    """Return what is timed for one number of assets; `fill` writes the all-pairs output once."""
    returns = np.random.default_rng(1).standard_t(4, (SESSIONS, assets)) * 0.01
    frame = pd.DataFrame(returns)
    base = frame[0]
    others = np.ascontiguousarray(returns[:, 1:].T)
    pairs = assets * (assets - 1) // 2
    return {
        "fill, all pairs": lambda: np.full((pairs, SESSIONS), 1.0),
        "unwind, all pairs": lambda: rolling_correlation(
            returns, window=WINDOW, min_observations=WINDOW
        ),
        "unwind, one against many": lambda: correlation_with_base(
            frame, base=0, window=WINDOW, min_observations=WINDOW
        ),
        "numbagg, one against many": lambda: numbagg.move_corr(
            np.broadcast_to(returns[:, 0], others.shape).copy(), others, window=WINDOW
        ),
        "pandas, one against many": lambda: frame.rolling(WINDOW).corr(base),
    }


def main() -> None:
    """Print medians and write them as JSON."""
    told = {}
    for assets in (12, 100):
        timed = contenders(assets)
        for run in timed.values():
            run()  # compiled, and in cache, before anything counts
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(ROUNDS):
            for name, run in timed.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        told[str(assets)] = medians
        print(f"{assets} assets, {SESSIONS} sessions, window {WINDOW}")
        for name, median in medians.items():
            print(f"  {name:<28}{1e3 * median:9.2f} ms")
        ratio = medians["pandas, one against many"] / medians["unwind, one against many"]
        print(f"  pandas / unwind, one against many: {ratio:.1f}")
    OUTPUT.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
