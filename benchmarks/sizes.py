"""Sizes of the correlation tests and coverage of the intervals, by simulation.

Run manually: ``python -m benchmarks.sizes --replications 2000`` (about half an hour on one
core) prints the table that `docs/methods.md` quotes. Rates are in percent of replications, nominal
5 for the tests and 95 for the intervals; ``±`` is one Monte-Carlo standard error. "textbook" is the
published limit, "used" the p-value or interval that the service publishes.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import signal

from features.correlation import (
    asymmetry_test,
    compare_dependent_correlations,
    constancy_test,
    exceedance_test,
    fisher_interval,
    robust_interval,
)

Floats = NDArray[np.float64]
Outcome = dict[str, bool]
Test = Callable[[Floats, int], Outcome]  # of one sample and a seed for the test's own draws

LAWS = ("normal", "t4", "garch", "strong garch", "common volatility")
"""Independent rows, multivariate normal and Student-t with 4 degrees of freedom; then a GARCH(1,1)
for each asset, α, β = 0.05, 0.93 or (strong) 0.08, 0.90, on multivariate t₆ shocks; then normal
rows times one volatility whose log variance is an AR(1), 0.97 per row with a deviation of 1.
"""

_GARCH = {"garch": (0.05, 0.93), "strong garch": (0.08, 0.90)}
_BURN_IN = 250
_PERSISTENCE = 0.97


def simulate(
    law: str, *, replications: int, n: int, correlation: Floats, generator: np.random.Generator
) -> Floats:
    """Unit-variance returns of shape (replications, n, assets); `correlation` is that of shocks."""
    assets = len(correlation)
    rows = n + (_BURN_IN if law in _GARCH else 0)
    shocks = generator.standard_normal((replications, rows, assets))
    shocks = shocks @ np.linalg.cholesky(correlation).T
    if law == "normal":
        return shocks
    if law == "common volatility":
        return shocks * _common_volatility(replications, rows, generator)[:, :, None]
    nu = 4 if law == "t4" else 6
    shared = generator.chisquare(nu, (replications, rows, 1))
    shocks *= np.sqrt((nu - 2) / shared)
    if law == "t4":
        return shocks
    alpha, beta = _GARCH[law]
    variance = np.ones((replications, assets))
    for row in range(rows):
        shocks[:, row] *= np.sqrt(variance)
        variance = 1 - alpha - beta + alpha * shocks[:, row] ** 2 + beta * variance
    return shocks[:, _BURN_IN:]


def _common_volatility(replications: int, rows: int, generator: np.random.Generator) -> Floats:
    noise = np.sqrt(1 - _PERSISTENCE**2) * generator.standard_normal((replications, rows))
    noise[:, 0] = generator.standard_normal(replications)
    log_variance: Floats = signal.lfilter([1.0], [1.0, -_PERSISTENCE], noise)
    return np.exp(log_variance / 2 - 1 / 4)  # mean variance 1


def equicorrelated(rho: float, *, assets: int) -> Floats:
    """Return the matrix with `rho` off its diagonal."""
    return np.full((assets, assets), rho) + (1 - rho) * np.eye(assets)


@cache
def true_correlation(law: str, rho: float) -> float:
    """Correlation of returns, which own volatility clusters pull below that of the shocks."""
    if law not in _GARCH:
        return rho
    generator = np.random.default_rng(0)
    long = simulate(
        law,
        replications=400,
        n=20_000,
        correlation=equicorrelated(rho, assets=2),
        generator=generator,
    ).reshape(-1, 2)
    return float(np.asarray(np.corrcoef(long.T))[0, 1])


def rates(test: Test, samples: Floats) -> dict[str, tuple[float, float]]:
    """Share of samples for which each named outcome holds, and its standard error."""
    outcomes = [test(sample, seed) for seed, sample in enumerate(samples)]
    shares = {name: float(np.mean([one[name] for one in outcomes])) for name in outcomes[0]}
    return {
        name: (share, float(np.sqrt(share * (1 - share) / len(outcomes))))
        for name, share in shares.items()
    }


def covers(sample: Floats, _seed: int, *, truth: float) -> Outcome:
    """Flag the intervals that contain the true correlation."""
    x, y = sample.T
    plain = fisher_interval(np.asarray(np.corrcoef(x, y))[0, 1], len(x), confidence=0.95)
    robust = robust_interval(x, y, confidence=0.95)
    return {
        "interval, Fisher (textbook)": bool(plain[0] <= truth <= plain[1]),
        "interval, robust (used)": robust[0] <= truth <= robust[1],
    }


def rejects_equality(sample: Floats, _seed: int) -> Outcome:
    """Dependent correlations, of assets 1 and 2 with asset 0."""
    test = compare_dependent_correlations(*sample.T, confidence=0.95)
    return {
        "Steiger (textbook)": test.steiger_p_value <= 0.05,
        "Meng-Rosenthal-Rubin (textbook)": test.meng_p_value <= 0.05,
        "dependent correlations, robust (used)": test.p_value <= 0.05,
    }


def rejects_constancy(sample: Floats, seed: int, *, draws: int) -> Outcome:
    """Wied–Krämer–Dehling."""
    x, y = (pd.Series(column) for column in sample.T)
    test = constancy_test(x, y, draws=draws, seed=seed)
    return {
        "Wied-Kramer-Dehling, bridge (textbook)": test.p_value_asymptotic <= 0.05,
        "Wied-Kramer-Dehling, permuted (used)": test.p_value <= 0.05,
    }


def rejects_symmetry(
    sample: Floats, seed: int, *, thresholds: tuple[float, ...], draws: int
) -> Outcome:
    """Hong–Tu–Zhou; the minimum of exceedances is low, so that no replication abstains."""
    test = asymmetry_test(
        *sample.T, thresholds=thresholds, min_exceedances=4, draws=draws, seed=seed
    )
    name = f"Hong-Tu-Zhou at {', '.join(f'{c:g}' for c in thresholds)}"
    return {
        f"{name}, chi2 (textbook)": test.p_value_asymptotic <= 0.05,
        f"{name}, sign flips (used)": test.p_value <= 0.05,
    }


def rejects_implied_curve(
    sample: Floats, seed: int, *, thresholds: tuple[float, ...], draws: int
) -> Outcome:
    """Exceedance correlations below −c against either null; under t₄ the normal null is false."""
    rejections = {}
    for null in ("normal", "elliptical"):
        test = exceedance_test(
            *sample.T,
            thresholds=thresholds,
            side="lower",
            null=null,
            min_exceedances=4,
            draws=draws,
            seed=seed,
        )
        name = f"exceedance at {', '.join(f'{c:g}' for c in thresholds)}, {null} null"
        rejections[name] = test.p_value <= 0.05
    return rejections


def table(
    *, replications: int, draws: int, seed: int
) -> Iterator[tuple[str, str, int, float, str]]:
    """Yield test, law, n, correlation of the shocks, and the rate with its standard error."""
    generator = np.random.default_rng(seed)

    def run(
        test: Test, law: str, n: int, correlation: Floats
    ) -> Iterator[tuple[str, str, int, float, str]]:
        samples = simulate(
            law, replications=replications, n=n, correlation=correlation, generator=generator
        )
        for name, (rate, error) in rates(test, samples).items():
            yield name, law, n, correlation[0, 1], f"{100 * rate:5.1f} ± {100 * error:.1f}"

    for law in LAWS:
        for rho in (0.0, 0.5, 0.8):
            pair = equicorrelated(rho, assets=2)
            for n in (20, 63, 252):
                yield from run(partial(covers, truth=true_correlation(law, rho)), law, n, pair)
            for n in (63, 252):
                yield from run(partial(rejects_constancy, draws=draws), law, n, pair)
            for n, thresholds in ((252, (0.0,)), (1000, (0.0, 0.5, 1.0))):
                for test in (rejects_symmetry, rejects_implied_curve):
                    tailored = partial(test, thresholds=thresholds, draws=draws)
                    yield from run(tailored, law, n, pair)
        for rho in (0.3, 0.6):
            for n in (20, 63, 252):
                yield from run(rejects_equality, law, n, equicorrelated(rho, assets=3))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=99)
    parser.add_argument("--seed", type=int, default=20260205)
    arguments = parser.parse_args()
    print(f"{'test':46s} {'law':13s} {'n':>5s} {'rho':>4s}  rate, %")
    for name, law, n, rho, rate in table(
        replications=arguments.replications, draws=arguments.draws, seed=arguments.seed
    ):
        print(f"{name:46s} {law:13s} {n:5d} {rho:4.1f}  {rate}", flush=True)


if __name__ == "__main__":
    main()
