"""`python -m benchmarks.changes`: false alarms, power, delay and speed of the change-point models.

Prints the tables that docs/methods.md quotes: the share of windows with a break of correlation, at
a constant correlation and at a change; alarms per year of the online detectors on calm rows, their
delay, and their milliseconds for 2,500 rows.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from features.constants import SESSIONS_PER_YEAR
from models.changes import (
    Alarm,
    bayes_detector,
    calibrated_alarms,
    correlation_breaks,
    e_alarms,
    glr_cusum,
)
from models.changes.e_detector import e_detector
from unwind.settings import load_settings

Floats = NDArray[np.float64]
CAP = 3.0
REFERENCE, MONITORED = 504, 504
# Rows of a window with those that start its variance, and rows of a market before them.
ROWS, BURN_IN = 504 + 21, 250


def simulate(distribution: str, n: int, generator: np.random.Generator) -> Floats:
    """Draw n calm rows of unit variance."""
    if distribution == "normal":
        return generator.standard_normal(n)
    if distribution == "t4":
        return generator.standard_t(4, n) / np.sqrt(2)
    if distribution.startswith("ar "):
        memory = float(distribution.removeprefix("ar "))
        noise = np.sqrt(1 - memory**2) * generator.standard_normal(n + 200)
        return np.asarray(lfilter([1.0], [1.0, -memory], noise)[200:])
    rows, variance = generator.standard_t(6, n + 250) / np.sqrt(1.5), 1.0
    for i in range(n + 250):
        rows[i] *= np.sqrt(variance)
        variance = 0.02 + 0.05 * rows[i] ** 2 + 0.93 * variance
    return rows[250:]


def simulated_pairs(
    market: str, correlation: float | Floats, *, windows: int, generator: np.random.Generator
) -> Floats:
    """Draw windows of two returns: normal, multivariate t₄, or GARCH with multivariate t₆ shocks.

    The correlation is constant or a path over the 525 rows of a window; 21 start the variance.
    """
    rows = ROWS + BURN_IN
    degrees = {"normal": np.inf, "t4": 4, "garch": 6}[market]
    shocks = generator.standard_normal((windows, rows, 2))
    if np.isfinite(degrees):
        mixing = generator.chisquare(degrees, (windows, rows)) / (degrees - 2)
        shocks /= np.sqrt(mixing)[..., None]
    path = np.broadcast_to(correlation, ROWS)
    path = np.concatenate([np.full(BURN_IN, path[0]), path])
    shocks[..., 1] = path * shocks[..., 0] + np.sqrt(1 - path**2) * shocks[..., 1]
    if market == "garch":
        variance = np.ones((windows, 2))
        for row in range(rows):
            shocks[:, row] *= np.sqrt(variance)
            variance = 0.02 + 0.05 * shocks[:, row] ** 2 + 0.93 * variance
    window: Floats = shocks[:, BURN_IN:]
    return window


def share_with_breaks(pairs: Floats) -> float:
    """Percentage of windows in which a break of correlation is published."""
    index = pd.bdate_range("2022-01-03", periods=ROWS)
    penalty = load_settings().changepoint.penalty
    breaks = [
        correlation_breaks(*(pd.Series(one, index) for one in pair.T), penalty=penalty)
        for pair in pairs
    ]
    return 100 * float(np.mean([len(one) > 0 for one in breaks]))


def offline_rates(windows: int) -> None:
    """Print the share of windows with a break: at a constant correlation, and at a change."""
    generator = np.random.default_rng(11)
    for market in ("normal", "t4", "garch"):
        rates = []
        for correlation in (0.0, 0.5, 0.8):
            pairs = simulated_pairs(market, correlation, windows=windows, generator=generator)
            rates.append(f"{correlation} {share_with_breaks(pairs):.1f} %")
        powers = []
        for length in (250, 60):
            path = np.repeat([0.2, 0.7], [ROWS - length, length])
            pairs = simulated_pairs(market, path, windows=windows // 10, generator=generator)
            powers.append(f"{length} rows {share_with_breaks(pairs):.0f} %")
        print(
            f"offline, {market:<6} constant: {', '.join(rates)}; 0.2 to 0.7: {', '.join(powers)}",
            flush=True,
        )


def detectors() -> dict[str, Callable[[Floats], tuple[Alarm, ...]]]:
    """Return the three detectors at a target of one alarm per year."""
    arguments = {"start": REFERENCE, "alarms_per_year": 1.0}
    resampled = arguments | {"draws": 39, "seed": 1}
    return {
        "glr-cusum": partial(
            calibrated_alarms, detector=partial(glr_cusum, pre_change_mean=None), **resampled
        ),
        "bocpd": partial(
            calibrated_alarms, detector=bayes_detector(expected_run=252.0), **resampled
        ),
        "e-detector": partial(e_alarms, floor=-CAP, ceiling=CAP, min_reference=126, **arguments),
    }


def online_false_alarms(replications: int) -> None:
    """Print alarms per year on calm rows, and the run length of the e-detector at a known mean."""
    years = replications * MONITORED / SESSIONS_PER_YEAR
    for distribution in ("normal", "t4", "garch", "ar 0.2", "ar 0.5"):
        generator = np.random.default_rng(7)
        counts = dict.fromkeys(detectors(), 0)
        lengths = []
        for _ in range(replications):
            rows = np.clip(simulate(distribution, REFERENCE + MONITORED, generator), -CAP, CAP)
            for name, detect in detectors().items():
                counts[name] += len(detect(rows))
            long = np.clip(simulate(distribution, 3000, generator), -CAP, CAP)
            statistic, _ = e_detector(
                long, lowest_mean=0.0, highest_mean=0.0, floor=-CAP, ceiling=CAP
            )
            over = np.flatnonzero(statistic >= SESSIONS_PER_YEAR)
            lengths.append(over[0] + 1 if len(over) else 3000)
        rates = ", ".join(f"{name} {count / years:.2f}" for name, count in counts.items())
        print(
            f"online, {distribution:<7} alarms per year at a target of 1: {rates}; "
            f"e-detector, mean known: {np.mean(lengths):.0f} rows (proven ≥ {SESSIONS_PER_YEAR})",
            flush=True,
        )


def delays(replications: int) -> None:
    """Print the median delay after a shift in t₄ rows; none within 126 rows counts as 126."""
    for size in (0.5, 1.0, 2.0):
        generator = np.random.default_rng(9)
        waits: dict[str, list[int]] = {name: [] for name in detectors()}
        for _ in range(replications):
            rows = simulate("t4", REFERENCE + 252, generator)
            rows[REFERENCE + 126 :] += size
            for name, detect in detectors().items():
                seen = [a.first_seen - REFERENCE - 126 for a in detect(np.clip(rows, -CAP, CAP))]
                waits[name].append(min((s for s in seen if s >= 0), default=126))
        medians = ", ".join(f"{name} {np.median(wait):.0f}" for name, wait in waits.items())
        print(f"delay after a shift of {size}σ, rows: {medians}", flush=True)


def speed() -> None:
    """Print milliseconds for all of 2,500 rows."""
    rows = np.clip(simulate("t4", 2500, np.random.default_rng(1)), -CAP, CAP)
    timed: dict[str, Callable[[], object]] = {
        "glr-cusum": lambda: glr_cusum(rows, pre_change_mean=None),
        "bocpd": lambda: bayes_detector(expected_run=252.0)(rows),
        "e-detector": lambda: e_detector(
            rows, lowest_mean=-0.1, highest_mean=0.1, floor=-CAP, ceiling=CAP
        ),
    }
    for name, run in timed.items():
        run()
        seconds = []
        for _ in range(9):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        print(f"2,500 rows, {name}: {1e3 * float(np.median(seconds)):.1f} ms")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description="Rates, power and delay of the change-point models."
    )
    parser.add_argument("--replications", type=int, default=200)
    arguments = parser.parse_args()
    speed()
    delays(arguments.replications // 2)
    online_false_alarms(arguments.replications)
    offline_rates(5 * arguments.replications)


if __name__ == "__main__":
    main()
