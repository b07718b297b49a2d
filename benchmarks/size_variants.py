"""Forms of the correlation tests that were compared before one was chosen.

``python -m benchmarks.size_variants differences`` prints size, power, coverage and half-width of
six variances of the difference of two correlations; ``constancy`` and ``downside`` print size and
power of the null draws, in percent. `docs/methods.md` quotes all three (minutes on one core).
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import special

from benchmarks.sizes import Floats, equicorrelated, simulate
from features.correlation import constancy_test, exceedance_test
from features.correlation._jackknife import bartlett_variance, cosine_variance, pseudo_values
from features.correlation._local_volatility import local_volatility, standard_rows
from features.correlation._pairwise import standardise
from features.correlation.constancy import _fluctuation
from features.correlation.exceedance import _noise, _null_curves, exceedance_curve
from features.returns import standardised_returns

LAWS = ("normal", "t4", "garch", "common volatility")
HISTORY = 126  # rows before the sample, for a σ of earlier rows
EQUAL, UNEQUAL = (
    np.array([[1, first, second], [first, 1, between], [second, between, 1]])
    for first, second, between in ((0.3, 0.3, 0.3), (0.5, 0.15, 0.2))
)
THRESHOLDS = np.array([0.0, 0.5])


def variances(sample: Floats) -> dict[str, tuple[float, float, float]]:
    """Difference on the z scale, its standard error and degrees of freedom, by each form."""
    shared, first, second = np.ascontiguousarray(sample.T)
    n = len(shared)
    r_first, pseudo_first = pseudo_values(shared, first)
    r_second, pseudo_second = pseudo_values(shared, second)
    difference = float(np.arctanh(r_first) - np.arctanh(r_second))
    pseudo = pseudo_first - pseudo_second
    block = round(n ** (1 / 3))
    n_blocks = n // block
    blocks = pseudo[: n_blocks * block].reshape(n_blocks, block).mean(axis=1)
    a, b, c = standardise(shared, first, second)
    influence = (a * b - r_first / 2 * (a * a + b * b)) / (1 - r_first**2)
    influence -= (a * c - r_second / 2 * (a * a + c * c)) / (1 - r_second**2)
    variance, kurtosis = np.var(pseudo, ddof=1), np.mean((pseudo - pseudo.mean()) ** 4)
    kurtosis /= np.var(pseudo) ** 2
    lags = int(4 * (n / 100) ** (2 / 9))
    forms = {
        "jackknife (used)": (variance / (n - 3), n - 1),
        "8 cosines (before)": (cosine_variance(pseudo) / (n - 3), 8),
        "jackknife, Satterthwaite": (variance / n, min(n - 1, 2 * n / (kurtosis - 1))),
        "block jackknife": (np.var(blocks, ddof=1) / n_blocks, n_blocks - 1),
        "Newey–West": (bartlett_variance(pseudo, lags + 1) / (n - 3), n - 1),
        "influence function, HC1": (np.mean(influence**2) / (n - 3), np.inf),
    }
    return {
        name: (difference, float(np.sqrt(square)), float(freedom))
        for name, (square, freedom) in forms.items()
    }


def differences(replications: int) -> Iterator[str]:
    """Yield rows of a table: size, power, coverage and median half-width on the z scale."""
    yield "| form | n | " + " | ".join(LAWS) + " |"
    yield "|---|---|" + "---|" * len(LAWS)
    cells: dict[tuple[str, int], list[str]] = {}
    for law in LAWS:
        for n in (63, 126, 252):
            results = {}
            for name, correlation in (("equal", EQUAL), ("unequal", UNEQUAL)):
                generator = np.random.default_rng(n)
                samples = simulate(
                    law, replications=replications, n=n, correlation=correlation,
                    generator=generator,
                )  # fmt: skip
                results[name] = [variances(sample) for sample in samples]
            truth = _true_difference(law)
            for form in results["equal"][0]:
                null = np.array([result[form] for result in results["equal"]]).T
                other = np.array([result[form] for result in results["unequal"]]).T
                half_null, half = (special.stdtrit(x[2], 0.975) * x[1] for x in (null, other))
                cells.setdefault((form, n), []).append(
                    f"{100 * np.mean(np.abs(null[0]) > half_null):.1f} · "
                    f"{100 * np.mean(np.abs(other[0]) > half):.0f} · "
                    f"{100 * np.mean(np.abs(other[0] - truth) <= half):.1f} · {np.median(half):.2f}"
                )
    for (form, n), row in sorted(cells.items(), key=lambda cell: cell[0][1]):
        yield f"| {form} | {n} | " + " | ".join(row) + " |"


def _true_difference(law: str) -> float:
    """Difference for returns: own volatility clusters pull it below that of the shocks."""
    r = UNEQUAL[0]
    if law == "garch":
        samples = simulate(
            law, replications=400, n=5000, correlation=UNEQUAL, generator=np.random.default_rng(0)
        )
        r = np.asarray(np.corrcoef(samples.reshape(-1, 3).T))[0]
    return float(np.arctanh(r[1]) - np.arctanh(r[2]))


def market(law: str, rho: float, *, n: int, replications: int, seed: int) -> Floats:
    """Two assets with `HISTORY` rows before the sample; "jump": t₄, volatility triples for a third.

    In "own jump" it triples for a sixth of the sample in one asset, then in the other.
    """
    samples = simulate(
        "t4" if "jump" in law else law, replications=replications, n=HISTORY + n,
        correlation=equicorrelated(rho, assets=2), generator=np.random.default_rng(seed),
    )  # fmt: skip
    if law == "jump":
        samples[:, HISTORY + 2 * n // 3 :] *= 3
    elif law == "own jump":
        samples[:, HISTORY + n // 3 : HISTORY + n // 2, 0] *= 3
        samples[:, HISTORY + 2 * n // 3 : HISTORY + 5 * n // 6, 1] *= 3
    return samples


def _walk_forward(sample: Floats) -> Floats:
    rows = standardised_returns(pd.DataFrame(sample), half_life=21, min_observations=21)
    return rows.to_numpy()[HISTORY:]


def _local(sample: Floats) -> Floats:
    sides = standardise(*sample[HISTORY:].T)
    return np.column_stack([standard_rows(side, local_volatility(side)) for side in sides])


def _permuted(sample: Floats, generator: np.random.Generator, *, block: int, draws: int) -> bool:
    """Tell whether permuted blocks of rows reject constancy; `block` divides their number."""
    x, y = standardise(*np.ascontiguousarray(sample.T))
    statistic = _fluctuation(x, y)[0]
    count = 0
    for _ in range(draws):
        first = block * generator.permutation(len(x) // block)
        order = (first[:, None] + np.arange(block)).ravel()
        count += _fluctuation(x[order], y[order])[0] >= statistic * (1 - 1e-9)
    return (1 + count) / (1 + draws) <= 0.05


def constancy_forms(sample: Floats, seed: int, *, draws: int) -> dict[str, bool]:
    """Return which forms reject constancy at 5 %."""
    generator = np.random.default_rng(seed)
    x, y = (pd.Series(side) for side in sample[HISTORY:].T)
    rows = {
        "rows permuted": (sample[HISTORY:], 1),
        "blocks of 21 permuted": (sample[HISTORY:], 21),
        "σ of earlier rows, permuted (before)": (_walk_forward(sample), 1),
        "local volatility, permuted": (_local(sample), 1),
    }
    forms = {
        name: _permuted(data, generator, block=block, draws=draws)
        for name, (data, block) in rows.items()
    }
    forms["local volatility, estimated again (used)"] = (
        constancy_test(x, y, draws=draws, seed=seed).p_value <= 0.05
    )
    return forms


def _elliptical(sample: Floats, seed: int, *, draws: int) -> bool:
    """Tell whether radii in random directions reject, the volatility taken as known."""
    a, b = standardise(*np.ascontiguousarray(sample.T))
    r = float(np.mean(a * b))
    noise = _noise(a, b, r, null="elliptical", draws=draws, seed=seed)
    draws_of_null = _null_curves(noise, r, np.ones((2, len(a))), THRESHOLDS, False)
    curves = np.vstack([exceedance_curve(-a, -b, THRESHOLDS)[0], draws_of_null])
    distance = np.abs(curves - curves.mean(axis=0)) / curves.std(axis=0)
    largest = distance.max(axis=1)
    return bool(np.mean(largest >= largest[0]) <= 0.05)


def downside_forms(sample: Floats, seed: int, *, draws: int) -> dict[str, bool]:
    """Return which forms reject one correlation for falls and the rest at 5 %."""
    test = exceedance_test(
        *sample[HISTORY:].T, thresholds=THRESHOLDS, min_exceedances=4, draws=draws, seed=seed
    )
    return {
        "rows": _elliptical(sample[HISTORY:], seed, draws=draws),
        "σ of earlier rows (before)": _elliptical(_walk_forward(sample), seed, draws=draws),
        "local volatility": _elliptical(_local(sample), seed, draws=draws),
        "local volatility, estimated again (used)": test.p_value <= 0.05,
    }


def broken(n: int, replications: int) -> Floats:
    """GARCH rows whose correlation falls from 0.7 to 0.2 halfway."""
    first, second = (
        market("garch", rho, n=n, replications=replications, seed=seed)
        for rho, seed in ((0.7, 1), (0.2, 2))
    )
    half = HISTORY + n // 2
    return np.concatenate([first[:, :half], second[:, half:]], axis=1)


def crash_prone(n: int, replications: int) -> Floats:
    """GARCH rows at 0.4, of which one in ten is a common fall."""
    samples = market("garch", 0.4, n=n, replications=replications, seed=1)
    generator = np.random.default_rng(2)
    falls = generator.random(samples.shape[:2]) < 0.1
    size = 1.5 * np.abs(generator.standard_normal(samples.shape[:2]))
    samples[falls] = samples[falls] / 2 - size[falls][:, None]
    return samples


def null_draws(
    forms: Callable[..., dict[str, bool]], alternative: Callable[[int, int], Floats],
    *, n: int, replications: int, draws: int,
) -> Iterator[str]:  # fmt: skip
    """Yield rows of a table: rejections in percent per market at three correlations, and power."""
    laws = ("t4", "garch", "strong garch", "common volatility", "jump", "own jump")
    cells: dict[str, list[str]] = {}
    for law in laws:
        rates = [
            _rates(
                forms, market(law, rho, n=n, replications=replications, seed=int(10 * rho)), draws
            )
            for rho in (0.2, 0.5, 0.8)
        ]
        for form in rates[0]:
            cells.setdefault(form, []).append(" / ".join(f"{rate[form]:.1f}" for rate in rates))
    power = _rates(forms, alternative(n, replications), draws)
    yield "| null | " + " | ".join(laws) + " | power |"
    yield "|---|" + "---|" * (len(laws) + 1)
    for form, row in cells.items():
        yield f"| {form} | " + " | ".join(row) + f" | {power[form]:.0f} |"


def _rates(forms: Callable[..., dict[str, bool]], samples: Floats, draws: int) -> dict[str, float]:
    results = [forms(sample, seed, draws=draws) for seed, sample in enumerate(samples)]
    return {name: 100 * float(np.mean([one[name] for one in results])) for name in results[0]}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("differences", "constancy", "downside"))
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=99)
    arguments = parser.parse_args()
    if arguments.table == "differences":
        lines = differences(arguments.replications)
    else:
        forms, alternative = {
            "constancy": (constancy_forms, broken), "downside": (downside_forms, crash_prone),
        }[arguments.table]  # fmt: skip
        lines = null_draws(
            forms, alternative, n=252,
            replications=arguments.replications, draws=arguments.draws,
        )  # fmt: skip
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
